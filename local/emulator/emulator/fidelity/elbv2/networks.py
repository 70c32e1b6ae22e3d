"""Where a load balancer is."""

from ministack.services import alb, ec2

from emulator.mend import wraps


@wraps(alb, "_lb_xml")
def a_load_balancer_is_in_the_vpc_of_its_subnets(xml, balancer):
    """AWS: VpcId is the VPC of the load balancer's subnets.

    MiniStack: it is made up.
    """
    vpcs = {ec2._subnets[subnet]["VpcId"] for subnet in balancer.get("Subnets", []) if subnet in ec2._subnets}
    return xml(balancer | {"VpcId": next(iter(vpcs))} if vpcs else balancer)
