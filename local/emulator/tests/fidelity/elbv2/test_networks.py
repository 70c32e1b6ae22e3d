"""Where a load balancer is."""

from ministack.services import alb, ec2

from support import BALANCER, LoadBalancingTestCase


class Networks(LoadBalancingTestCase):
    def test_a_load_balancer_is_in_the_vpc_of_its_subnets(self):
        ec2._subnets["subnet-1"] = {"SubnetId": "subnet-1", "VpcId": "vpc-7"}
        self.addCleanup(ec2._subnets.pop, "subnet-1")
        alb._lbs[BALANCER] |= {"Subnets": ["subnet-1"], "VpcId": "vpc-00000001"}
        self.assertIn("<VpcId>vpc-7</VpcId>", self.call("DescribeLoadBalancers")[1])
