"""The ways from functions and tasks to AWS: endpoints with private DNS, or routes to the internet."""

from preflight.reach import admits, networks_of
from preflight.results import check, ok, problem, unchecked, warning
from preflight.template import as_list

GUIDE = "docs/deploying.md, step 4"

# A policy's prefix, and the service's name in that of an endpoint, where they differ.
_ENDPOINTS = {"iam": "com.amazonaws.iam", "route53": "com.amazonaws.route53"}
# Actions that functions do not call themselves: Lambda mounts the file system and creates network interfaces.
_NO_CALLS = ("elasticfilesystem:Client", "ec2:")


def services_of_functions(here):
    """The services that functions in the VPC call, with the functions that do."""
    found = {}
    for _, function in here.template.functions():
        if not function.get("VpcConfig"):
            continue
        name = function["FunctionName"].partition("-")[2]
        for statement in here.template.statements(function):
            actions, resources = as_list(statement["Action"]), as_list(statement["Resource"])
            # The statement about a hosted zone has no effect without one.
            if all(resource.endswith("/") for resource in resources):
                continue
            for action in actions:
                if action.startswith("iam:") and here.given("TaskRoles") == "shared":
                    continue
                if not action.startswith(_NO_CALLS):
                    found.setdefault(action.partition(":")[0], set()).add(name)
    return found


def services_of_tasks(here):
    """The services that ECS reaches from the tasks' subnets, before and while a container runs."""
    needed = {"secretsmanager": {"tasks"}, "logs": {"tasks"}}
    if ".dkr.ecr." in here.given("DefaultImage"):
        needed |= {"ecr.api": {"tasks"}, "ecr.dkr": {"tasks"}, "s3": {"tasks"}}
    return needed


@check("ways of the functions to AWS", GUIDE)
def from_functions(here):
    """A function without a way hangs until it is stopped."""
    if not here.listed("LambdaSubnetIds"):
        return unchecked("no function runs in a VPC")
    groups = here.function_groups
    return list(_ways(here, here.function_subnets, groups, services_of_functions(here), "functions"))


@check("ways of the tasks to AWS", GUIDE)
def from_tasks(here):
    """A task without a way to its secrets, log or image does not start."""
    groups = [here.task_group["GroupId"]]
    return list(_ways(here, here.subnets, groups, services_of_tasks(here), "tasks"))


@check("way of the tasks to the image", GUIDE)
def to_the_image(here):
    """The public gallery has no endpoint."""
    image = here.given("DefaultImage")
    if ".dkr.ecr." in image:
        return ok(f"{image} is in ECR: see the ways of the tasks to AWS")
    ways = {subnet["SubnetId"]: _way_out(here, subnet)[0] for subnet in here.subnets}
    closed = [subnet for subnet, is_open in ways.items() if is_open is False]
    if closed:
        remedy = "add a route to a NAT gateway, or copy the image to ECR and set DefaultImage"
        return problem(f"{image} is on the internet, which {', '.join(closed)} do not reach", remedy)
    if None in ways.values():
        return unchecked(f"{image} is on the internet; the routes of the tasks' subnets are not followed to their end")
    return ok(f"{image}, through the internet")


def _ways(here, subnets, groups, services, whose):
    closed, unknown = [], False
    for subnet in subnets:
        is_open, way = _way_out(here, subnet)
        if is_open is None:
            unknown = True
            yield warning(f"{subnet['SubnetId']} leaves by {way}, which is not followed here", "try one function in it")
        elif not is_open:
            closed.append((subnet, way))
    if not closed:
        if not unknown:
            yield ok(f"every subnet of the {whose} has a way out")
        return
    endpoints = _endpoints(here)
    shown = "; ".join(f"{subnet['SubnetId']} {way}" for subnet, way in closed)
    for service, callers in sorted(services.items()):
        name = _ENDPOINTS.get(service, f"com.amazonaws.{here.region}.{service}")
        found = endpoints.get(name, [])
        remedy = f"create the endpoint {name} as in step 4, or a NAT gateway"
        if not found:
            yield problem(f"no way to {service} for {', '.join(sorted(callers))}: {shown}", remedy)
        elif service == "s3":
            yield _gateway(here, found, [subnet for subnet, _ in closed], remedy)
        else:
            yield _interface(here, found, subnets, groups, service, remedy)


def _gateway(here, endpoints, subnets, remedy):
    """A gateway endpoint is a route."""
    with_route = {table for endpoint in endpoints for table in endpoint.get("RouteTableIds", [])}
    if any(endpoint["VpcEndpointType"] == "Interface" for endpoint in endpoints):
        return ok("s3: an interface endpoint")
    tables = {_table_of(here, subnet)["RouteTableId"] for subnet in subnets}
    if tables - with_route:
        return problem(f"s3: the endpoint is not in {', '.join(sorted(tables - with_route))}", remedy)
    return ok("s3: a gateway endpoint")


def _interface(here, endpoints, subnets, groups, service, remedy):
    ready = [endpoint for endpoint in endpoints if endpoint["State"].lower() == "available"]
    if not ready:
        return problem(f"{service}: the endpoint is {endpoints[0]['State']}", remedy)
    if not any(endpoint.get("PrivateDnsEnabled") for endpoint in ready):
        return problem(f"{service}: the endpoint has no private DNS, so nothing uses it", "turn on its private DNS")
    for endpoint in ready:
        own = [here.groups[group["GroupId"]] for group in endpoint.get("Groups", []) if group["GroupId"] in here.groups]
        if own and not admits(own, groups, 443, networks_of(subnets)):
            shown = ", ".join(group["GroupId"] for group in own)
            return problem(f"{service}: {shown} does not let in {', '.join(groups)} on port 443", "add such a rule")
    return ok(f"{service}: {ready[0]['VpcEndpointId']}")


def _endpoints(here):
    wanted = [{"Name": "vpc-id", "Values": [here.vpc["VpcId"]]}]
    found = {}
    for endpoint in here.aws.all("ec2", "describe_vpc_endpoints", "VpcEndpoints", Filters=wanted):
        found.setdefault(endpoint["ServiceName"], []).append(endpoint)
    return found


def _table_of(here, subnet):
    """The route table of a subnet: its own, or the VPC's main one."""
    main = {"RouteTableId": "none", "Routes": []}
    for table in here.route_tables:
        for association in table.get("Associations", []):
            if association.get("SubnetId") == subnet["SubnetId"]:
                return table
            if association.get("Main"):
                main = table
    return main


def _way_out(here, subnet):
    """Whether a subnet reaches the internet without public addresses (None: not known), and how."""
    table = _table_of(here, subnet)
    for route in table.get("Routes", []):
        if route.get("DestinationCidrBlock") != "0.0.0.0/0":
            continue
        if route.get("State") == "blackhole":
            return False, "has a default route that leads nowhere"
        gateway = route.get("NatGatewayId")
        if gateway:
            found = here.aws.all("ec2", "describe_nat_gateways", "NatGateways", NatGatewayIds=[gateway])
            state = found[0]["State"] if found else "missing"
            return state == "available", f"has the NAT gateway {gateway}, which is {state}"
        if str(route.get("GatewayId", "")).startswith("igw-"):
            return False, "has a route to an internet gateway, useless without a public address"
        other = next((str(value) for key, value in route.items() if key.endswith(("Id", "Arn"))), "a default route")
        return None, other
    return False, "has no default route"
