"""Elastic Compute Cloud."""

from ministack.services import ec2

from support import LocalTestCase


class Networks(LocalTestCase):
    def test_a_vpc_is_described_as_in_the_model(self):
        self.addCleanup(ec2.reset)
        _, _, body = ec2._create_vpc({"CidrBlock": ["10.0.0.0/16"]})
        text = body if isinstance(body, str) else body.decode()
        self.assertIn("<vpcId>vpc-", text)
        _, _, body = ec2._describe_vpcs({})
        text = body if isinstance(body, str) else body.decode()
        self.assertIn("<vpcId>vpc-", text)
        for name in ("defaultNetworkAclId", "defaultSecurityGroupId", "mainRouteTableId"):
            self.assertNotIn(name, text)
