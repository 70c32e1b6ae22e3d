"""Calls of every deployed function that change nothing."""

from preflight.invocation import READING, REFUSED, invoke
from preflight.results import check, ok, problem, warning

GUIDE = "docs/deploying.md, step 9"

# What a function that reads answers about a tenant that does not exist.
_EXPECTED = {"describe-tenant": "TenantNotFound", "tail-tenant-logs": "TenantNotFound"}
# Where the way to the remedy is written.
_REMEDY = "see the tables in docs/deploying.md, step 9"


@check("resolve-environment", GUIDE, after=True)
def resolve_environment(here):
    """The same questions as above, by the function's own role and parameters."""
    outcome = here.resolution
    if outcome.error:
        return problem(f"{outcome.error}: {outcome.message}", _REMEDY)
    found = outcome.answer["environment"]
    own = {
        "vpc_id": lambda: here.vpc["VpcId"],
        "security_group_id": lambda: here.task_group["GroupId"],
        "subnet_ids": lambda: sorted(subnet["SubnetId"] for subnet in here.subnets),
    }
    for field, ask in own.items():
        theirs = sorted(found[field]) if isinstance(found[field], list) else found[field]
        if theirs != ask():
            return problem(
                f"{field}: the function finds {theirs}, and the caller {ask()}", "deploy with these parameters"
            )
    return ok(f"ready for a tenant; database {found['database_host']}:{found['database_port']}")


@check("functions that read", GUIDE, after=True)
def reading(here):
    """They reach the database and the services that they call."""
    for short, payload in sorted(READING.items()):
        if short == "resolve-environment":
            continue
        outcome = invoke(here.aws, here.named(short), payload)
        expected = _EXPECTED.get(short)
        if outcome.error == expected:
            yield from _answer(short, outcome)
        else:
            shown = f"{outcome.error}: {outcome.message}" if outcome.error else f"an answer instead of {expected}"
            yield problem(f"{short}: {shown}", _REMEDY)


def _answer(short, outcome):
    places = outcome.answer["environments"] if short == "locate-tenant" else []
    unreachable = sorted(place["environment"] for place in places if place["status"] == "unreachable")
    if unreachable:
        remedy = "deploy the stack there, or set its peer parameter to nothing: docs/deploying.md, step 8"
        yield warning(f"{short}: {', '.join(unreachable)} cannot be reached", remedy)
    else:
        yield ok(f"{short}: {outcome.error or 'answers'}")


@check("functions that write start and refuse", GUIDE, after=True)
def writing(here):
    """An input that is no object is refused by every function before it touches anything."""
    good = 0
    for _, properties in here.template.functions():
        name = properties["FunctionName"]
        if name.partition("-")[2] in READING:
            continue
        outcome = invoke(here.aws, name, REFUSED)
        if outcome.error == "InvalidRequest":
            good += 1
        else:
            shown = f"{outcome.error}: {outcome.message}" if outcome.error else "accepted what is no input"
            yield problem(f"{name}: {shown}", _remedy(outcome.error or ""))
    yield ok(f"{good} start, and refuse what is no input")


def _remedy(error):
    if error.startswith("Runtime."):
        return "the function is built for another architecture: docs/deploying.md, step 7"
    return _REMEDY
