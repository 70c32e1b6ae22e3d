"""What Elastic Load Balancing describes."""

import re

from botocore.parsers import create_parser
from botocore.session import get_session

from support import BALANCER, LISTENER, LoadBalancingTestCase


class Descriptions(LoadBalancingTestCase):
    def pages(self, action, arn, **parameters):
        """What is on each page."""
        pages, marker = [], {}
        while True:
            status, body = self.call(action, **parameters, **marker)
            self.assertEqual(status, 200, body)
            pages.append(re.findall(f"<{arn}>([^<]*)</{arn}>", body))
            marker = dict(re.findall("<Next(Marker)>([^<]*)<", body))
            if not marker:
                return pages

    def named(self, *names, parameter):
        return {f"{parameter}.member.{at}": name for at, name in enumerate(names, 1)}

    def test_descriptions_come_in_pages(self):
        group = self.group("one")
        rules = {self.arn_of(self.rule(str(number), group)) for number in range(1, 8)}
        pages = self.pages("DescribeRules", "RuleArn", ListenerArn=LISTENER, PageSize="3")
        self.assertEqual([len(page) for page in pages], [3, 3, 1])
        self.assertEqual({arn for page in pages for arn in page}, rules)
        (everything,) = self.pages("DescribeRules", "RuleArn", ListenerArn=LISTENER)
        self.assertEqual(set(everything), rules)
        self.listener("3")
        self.listener("4", "another")
        self.group("two")
        for action, arn in (
            ("DescribeListeners", "ListenerArn"),
            ("DescribeLoadBalancers", "LoadBalancerArn"),
            ("DescribeTargetGroups", "TargetGroupArn"),
        ):
            (everything,) = self.pages(action, arn)
            self.assertEqual(self.pages(action, arn, PageSize="1"), [[one] for one in sorted(everything)])

    def test_a_page_has_400_entries_at_most(self):
        for number in range(401):
            self.group(f"group-{number}")
        pages = self.pages("DescribeTargetGroups", "TargetGroupArn")
        self.assertEqual([len(page) for page in pages], [400, 1])
        self.assertIn("<Code>ValidationError</Code>", self.call("DescribeTargetGroups", PageSize="401")[1])

    def test_the_sdks_can_read_a_page(self):
        self.rule("1", self.group("a"))
        self.group("b")
        model = get_session().get_service_model("elbv2").operation_model("DescribeTargetGroups")
        status, body = self.call("DescribeTargetGroups", PageSize="1")
        answer = {"status_code": status, "headers": {}, "body": body.encode()}
        read = create_parser("query").parse(answer, model.output_shape)
        self.assertEqual(read["NextMarker"], read["TargetGroups"][0]["TargetGroupArn"])
        self.assertEqual(read["TargetGroups"][0]["LoadBalancerArns"], [BALANCER])

    def test_a_deletion_between_two_pages_hides_nothing(self):
        for name in ("a", "b", "c"):
            self.group(name)
        body = self.call("DescribeTargetGroups", PageSize="2")[1]
        (marker,) = re.findall("<NextMarker>([^<]*)<", body)
        self.call("DeleteTargetGroup", TargetGroupArn=marker)
        self.assertIn("targetgroup/c/", self.call("DescribeTargetGroups", PageSize="2", Marker=marker)[1])

    def test_a_target_group_has_its_load_balancer(self):
        group = self.group("one")
        describe = {"Names.member.1": "one"}
        self.assertNotIn(BALANCER, self.call("DescribeTargetGroups", **describe)[1])
        rule = self.arn_of(self.rule("1", group))
        self.assertIn(BALANCER, self.call("DescribeTargetGroups", **describe)[1])
        self.assertIn(group, self.call("DescribeTargetGroups", LoadBalancerArn=BALANCER)[1])
        self.call("DeleteRule", RuleArn=rule)
        self.assertNotIn(BALANCER, self.call("DescribeTargetGroups", **describe)[1])

    def test_an_unknown_name_is_an_error(self):
        group = self.group("there")
        for action, code, parameters in (
            ("DescribeTargetGroups", "TargetGroupNotFound", self.named("there", "elsewhere", parameter="Names")),
            ("DescribeTargetGroups", "TargetGroupNotFound", self.named(group, "x", parameter="TargetGroupArns")),
            ("DescribeRules", "RuleNotFound", self.named("elsewhere", parameter="RuleArns")),
            ("DescribeRules", "ListenerNotFound", {"ListenerArn": "elsewhere"}),
            ("DescribeListeners", "ListenerNotFound", self.named("elsewhere", parameter="ListenerArns")),
            ("DescribeListeners", "LoadBalancerNotFound", {"LoadBalancerArn": "elsewhere"}),
        ):
            self.assertIn(f"<Code>{code}</Code>", self.call(action, **parameters)[1])
        self.assertEqual(self.call("DescribeTargetGroups", **self.named("there", parameter="Names"))[0], 200)

    def test_a_call_names_no_more_than_20(self):
        groups = [self.group(f"group-{number}") for number in range(21)]
        for action, parameter in (("DescribeTags", "ResourceArns"), ("DescribeTargetGroups", "TargetGroupArns")):
            self.assertEqual(self.call(action, **self.named(*groups[:20], parameter=parameter))[0], 200)
            refused = self.call(action, **self.named(*groups, parameter=parameter))[1]
            self.assertIn("<Code>ValidationError</Code>", refused)
