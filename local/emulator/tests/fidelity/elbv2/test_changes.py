"""What Elastic Load Balancing lets one create, change and delete."""

import contextvars
from collections import Counter
from concurrent.futures import ThreadPoolExecutor

from ministack.services import alb

from support import BALANCER, LISTENER, LoadBalancingTestCase


class LoadBalancing(LoadBalancingTestCase):
    def test_a_priority_is_used_once(self):
        self.assertEqual(self.rule("7")[0], 200)
        status, body = self.rule("7")
        self.assertEqual(status, 400)
        self.assertIn("<Code>PriorityInUse</Code>", body)
        self.assertEqual(self.rule("8")[0], 200)

    def test_a_target_group_in_use_is_not_deleted(self):
        group = self.group("one")
        rule = self.arn_of(self.rule("1", group))
        self.assertIn("<Code>ResourceInUse</Code>", self.call("DeleteTargetGroup", TargetGroupArn=group)[1])
        self.assertEqual(self.call("DeleteRule", RuleArn=rule)[0], 200)
        self.assertEqual(self.call("DeleteTargetGroup", TargetGroupArn=group)[0], 200)
        self.assertEqual(
            self.call("DeleteTargetGroup", TargetGroupArn=group)[0], 200, "it is gone, which is what was asked"
        )

    def test_a_rule_forwards_to_target_groups_that_exist(self):
        self.assertIn("<Code>TargetGroupNotFound</Code>", self.rule("1", "elsewhere")[1])
        rule = self.arn_of(self.rule("1"))
        self.assertIn("<Code>TargetGroupNotFound</Code>", self.modify(rule, "elsewhere")[1])

    def test_a_missing_rule_is_not_found(self):
        self.assertIn("<Code>RuleNotFound</Code>", self.call("DeleteRule", RuleArn="elsewhere")[1])

    def test_a_load_balancer_has_at_most_100_rules(self):
        group, other = self.group("one"), self.listener("second")
        alb._rules["default"] = {"RuleArn": "default", "ListenerArn": LISTENER, "IsDefault": True, "Actions": []}
        for number in range(100):
            listener = other if number % 2 else LISTENER
            self.assertEqual(self.rule(str(number + 1), group, listener)[0], 200)
        self.assertIn("<Code>TooManyRules</Code>", self.rule("101", group, other)[1])
        self.assertEqual(self.rule("1", group, self.listener("elsewhere", "another"))[0], 400)
        self.assertEqual(self.rule("1", self.group("two"), self.listener("elsewhere", "another"))[0], 200)

    def test_a_load_balancer_has_at_most_100_rules_when_many_are_created_at_once(self):
        group = self.group("one")
        with ThreadPoolExecutor(20) as pool:
            context = [contextvars.copy_context() for _ in range(150)]
            answers = pool.map(lambda at: context[at].run(self.rule, str(at + 1), group), range(150))
            self.assertEqual(Counter(status for status, _ in answers), {200: 100, 400: 50})

    def test_a_load_balancer_has_at_most_100_target_groups(self):
        groups = [self.group(f"group-{number}") for number in range(101)]
        alb._listeners[LISTENER]["DefaultActions"] = [{"Type": "forward", "TargetGroupArn": groups[0]}]
        rules = [self.arn_of(self.rule(str(number), groups[number])) for number in range(1, 100)]
        self.assertIn("<Code>TooManyUniqueTargetGroupsPerLoadBalancer</Code>", self.rule("100", groups[100])[1])
        again = self.rule("100", groups[0])
        self.assertEqual(again[0], 200)
        too_many = self.modify(self.arn_of(again), groups[100])
        self.assertIn("<Code>TooManyUniqueTargetGroupsPerLoadBalancer</Code>", too_many[1])
        self.assertEqual(self.modify(rules[0], groups[100])[0], 200)

    def test_the_target_groups_of_a_listener_count_too(self):
        groups = [self.group(f"group-{number}") for number in range(101)]
        for number in range(100):
            self.rule(str(number + 1 if number < 99 else 50_000), groups[number])
        forward = {"DefaultActions.member.1.Type": "forward", "DefaultActions.member.1.TargetGroupArn": groups[100]}
        too_many = self.call("ModifyListener", ListenerArn=LISTENER, **forward)
        self.assertIn("<Code>TooManyUniqueTargetGroupsPerLoadBalancer</Code>", too_many[1])
        too_many = self.call("CreateListener", LoadBalancerArn=BALANCER, Port="81", Protocol="HTTP", **forward)
        self.assertIn("<Code>TooManyUniqueTargetGroupsPerLoadBalancer</Code>", too_many[1])

    def test_a_target_group_belongs_to_one_load_balancer(self):
        group = self.group("one")
        self.assertEqual(self.rule("1", group)[0], 200)
        self.assertEqual(self.rule("1", group, self.listener("second"))[0], 200)
        refused = self.rule("1", group, self.listener("elsewhere", "another"))
        self.assertIn("<Code>TargetGroupAssociationLimit</Code>", refused[1])

    def test_the_body_of_a_fixed_response_may_be_html(self):
        response = {"StatusCode": "503", "ContentType": "text/html", "MessageBody": "<p>a & b</p>"}
        fields = {f"Actions.member.1.FixedResponseConfig.{name}": value for name, value in response.items()}
        rule = self.arn_of(self.rule("1"))
        _, body = self.call("ModifyRule", RuleArn=rule, **{"Actions.member.1.Type": "fixed-response"}, **fields)
        self.assertIn("<MessageBody>&lt;p&gt;a &amp; b&lt;/p&gt;</MessageBody>", body)
