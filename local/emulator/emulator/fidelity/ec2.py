"""Elastic Compute Cloud: networks."""

import re

from ministack.services import ec2

from emulator.mend import wraps

_NOT_OF_A_VPC = re.compile(r"<(defaultNetworkAclId|defaultSecurityGroupId|mainRouteTableId)>[^<]*</\1>")


@wraps(ec2, "_vpc_fields_xml")
def a_vpc_is_described_as_in_the_model(vpc_fields_xml, vpc, *arguments, **named):
    """AWS: a VPC is described without its network ACL, security group and route table.

    MiniStack: gives them too.
    """
    return _NOT_OF_A_VPC.sub("", vpc_fields_xml(vpc, *arguments, **named))
