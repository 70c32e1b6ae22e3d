"""What the mends of load_balancing.py promise."""

import load_balancing  # noqa: F401
from ministack.services import alb
from testing import ACCOUNT, REGION, LocalTestCase

LISTENER = f"arn:aws:elasticloadbalancing:{REGION}:{ACCOUNT}:listener/app/alb/1/2"


class LoadBalancing(LocalTestCase):
    def setUp(self):
        super().setUp()
        self.addCleanup(alb.reset)
        balancer = LISTENER.replace("listener/", "loadbalancer/").rpartition("/")[0]
        alb._lbs[balancer] = {"LoadBalancerArn": balancer, "LoadBalancerName": "alb"}
        alb._listeners[LISTENER] = {"ListenerArn": LISTENER, "LoadBalancerArn": balancer, "DefaultActions": []}

    def call(self, action, **parameters):
        status, _, body = alb._ACTION_MAP[action]({name: [value] for name, value in parameters.items()})
        return status, body if isinstance(body, str) else body.decode()

    def rule(self, priority, group=None):
        group = group or self.group("any")
        condition = {"Conditions.member.1.Field": "host-header", "Conditions.member.1.Values.member.1": "a.example"}
        action = {"Actions.member.1.Type": "forward", "Actions.member.1.TargetGroupArn": group}
        return self.call("CreateRule", ListenerArn=LISTENER, Priority=priority, **condition, **action)

    def group(self, name):
        _, body = self.call("CreateTargetGroup", Name=name, Protocol="HTTP", Port="80", VpcId="vpc-1")
        return body.partition("<TargetGroupArn>")[2].partition("<")[0]

    def test_a_priority_is_taken_once(self):
        self.assertEqual(self.rule("7")[0], 200)
        status, body = self.rule("7")
        self.assertEqual(status, 400)
        self.assertIn("<Code>PriorityInUse</Code>", body)
        self.assertEqual(self.rule("8")[0], 200)

    def test_a_target_group_in_use_stays(self):
        group = self.group("one")
        _, body = self.rule("1", group)
        rule = body.partition("<RuleArn>")[2].partition("<")[0]
        self.assertIn("<Code>ResourceInUse</Code>", self.call("DeleteTargetGroup", TargetGroupArn=group)[1])
        self.assertEqual(self.call("DeleteRule", RuleArn=rule)[0], 200)
        self.assertEqual(self.call("DeleteTargetGroup", TargetGroupArn=group)[0], 200)

    def test_a_rule_forwards_to_what_there_is(self):
        self.assertIn("<Code>TargetGroupNotFound</Code>", self.rule("1", "elsewhere")[1])
        rule = self.rule("1")[1].partition("<RuleArn>")[2].partition("<")[0]
        action = {"Actions.member.1.Type": "forward", "Actions.member.1.TargetGroupArn": "elsewhere"}
        self.assertIn("<Code>TargetGroupNotFound</Code>", self.call("ModifyRule", RuleArn=rule, **action)[1])

    def test_what_is_missing_is_not_found(self):
        self.group("there")
        self.assertEqual(self.call("DescribeTargetGroups", **{"Names.member.1": "there"})[0], 200)
        missing = self.call("DescribeTargetGroups", **{"Names.member.1": "elsewhere"})[1]
        self.assertIn("<Code>TargetGroupNotFound</Code>", missing)
        self.assertIn("<Code>RuleNotFound</Code>", self.call("DeleteRule", RuleArn="elsewhere")[1])

    def test_a_page_may_be_html(self):
        response = {"StatusCode": "503", "ContentType": "text/html", "MessageBody": "<p>a & b</p>"}
        fields = {f"Actions.member.1.FixedResponseConfig.{name}": value for name, value in response.items()}
        rule = self.rule("1")[1].partition("<RuleArn>")[2].partition("<")[0]
        _, body = self.call("ModifyRule", RuleArn=rule, **{"Actions.member.1.Type": "fixed-response"}, **fields)
        self.assertIn("<MessageBody>&lt;p&gt;a &amp; b&lt;/p&gt;</MessageBody>", body)
