"""Targets and their health."""

import threading
import time
from unittest import mock

from ministack.services import alb

from emulator import time_scale
from emulator.fidelity.elbv2 import health_checks, targets
from support import SitesTestCase


class Targets(SitesTestCase):
    def deregister(self, group, server):
        target = {"Targets.member.1.Id": server.address, "Targets.member.1.Port": str(server.port)}
        self.assertEqual(self.call("DeregisterTargets", TargetGroupArn=group, **target)[0], 200)

    def delay(self, group, seconds):
        attribute = {"Attributes.member.1.Key": "deregistration_delay.timeout_seconds"}
        attribute["Attributes.member.1.Value"] = str(seconds)
        self.call("ModifyTargetGroupAttributes", TargetGroupArn=group, **attribute)

    def test_the_first_success_makes_a_new_target_healthy(self):
        answering = threading.Event()
        self.addCleanup(answering.set)

        def answer(request):
            answering.wait(10)
            request.reply()

        server, group = self.serve(answer, HealthCheckPath="/health?x=1")
        self.become(group, server, "initial", "Elb.InitialHealthChecking")
        answering.set()
        self.become(group, server, "healthy", None)
        check = server.requests[0]
        self.assertEqual((check.command, check.path), ("GET", "/health?x=1"))
        self.assertEqual(check.headers["User-Agent"], "ELB-HealthChecker/2.0")

    def test_thresholds_decide_what_comes_after(self):
        status = [200]
        settings = {"UnhealthyThresholdCount": "3", "HealthyThresholdCount": "4"}
        server, group = self.serve(lambda request: request.reply(status[0]), **settings)
        self.become(group, server, "healthy", None)
        status[0] = 404
        before = len(server.requests)
        self.become(group, server, "unhealthy", "Target.ResponseCodeMismatch")
        self.assertGreaterEqual(len(server.requests) - before, 3)
        self.assertIn(
            "<Description>Health checks failed with these codes: [404]</Description>",
            self.call("DescribeTargetHealth", TargetGroupArn=group)[1],
        )
        status[0] = 200
        before = len(server.requests)
        self.become(group, server, "healthy", None)
        self.assertGreaterEqual(len(server.requests) - before, 4)

    def test_a_target_that_does_not_answer_in_time_or_at_all_is_unhealthy(self):
        answering = threading.Event()
        self.addCleanup(answering.set)
        slow, group = self.serve(lambda _: answering.wait(10), HealthCheckTimeoutSeconds="1")
        self.become(group, slow, "unhealthy", "Target.Timeout")
        gone, group = self.serve()
        gone.stop()
        self.become(group, gone, "unhealthy", "Target.FailedHealthChecks")

    def test_changes_of_the_target_group_take_effect(self):
        server, group = self.serve(lambda request: request.reply(302 if request.path == "/login" else 404))
        self.become(group, server, "unhealthy", "Target.ResponseCodeMismatch")
        changes = {"HealthCheckPath": "/login", "Matcher.HttpCode": "200,300-399", "HealthyThresholdCount": "2"}
        self.call("ModifyTargetGroup", TargetGroupArn=group, **changes)
        self.become(group, server, "healthy", None)

    def test_another_port_may_be_checked(self):
        other, _ = self.serve(host="b.example")
        server, group = self.serve(lambda request: request.reply(500), HealthCheckPort=str(other.port))
        target = mock.Mock(address=server.address, port=server.port)
        url = health_checks._url(target, alb._tgs[group])
        self.assertEqual(str(url), f"http://{server.address}:{other.port}/")
        self.become(group, server, "unhealthy", "Target.FailedHealthChecks")

    def test_a_matcher_is_a_list_of_codes_and_ranges(self):
        for matcher, good, bad in (
            ("200", [200], [201]),
            ("200,202", [202], [201]),
            ("200-399,401", [302, 401], [400]),
        ):
            self.assertTrue(all(health_checks.expects(matcher, status) for status in good))
            self.assertFalse(any(health_checks.expects(matcher, status) for status in bad))

    def test_the_interval_is_scaled(self):
        with mock.patch.object(time_scale.sfn, "_SFN_WAIT_SCALE", 0.01):
            server, group = self.serve(lambda request: request.reply(), HealthCheckIntervalSeconds="30")
            self.become(group, server, "healthy", None)
            self.eventually(lambda: len(server.requests) >= 3)

    def test_a_new_target_has_the_time_that_programs_need_to_start(self):
        start = mock.patch.object(time_scale, "SHORTEST_START", 1000)
        with mock.patch.object(time_scale.sfn, "_SFN_WAIT_SCALE", 0), start:
            status = [500]
            server, group = self.serve(lambda request: request.reply(status[0]), HealthCheckIntervalSeconds="30")
            self.eventually(lambda: len(server.requests) > 3)
            self.assertEqual(self.health(group)[server.address], ("initial", "Elb.InitialHealthChecking"))
            status[0] = 200
            self.become(group, server, "healthy", None)
            status[0] = 500
            self.become(group, server, "unhealthy", "Target.ResponseCodeMismatch")

    def test_without_a_load_balancer_a_target_is_unused_and_not_checked(self):
        group = self.group("alone")
        server, _ = self.serve(group=group)
        self.become(group, server, "unused", "Target.NotInUse")
        self.rule("9", group)
        self.become(group, server, "healthy", None)

    def test_only_what_is_registered_is_described(self):
        server, group = self.serve()
        named = {"Targets.member.1.Id": "10.1.1.1", "Targets.member.1.Port": "80"}
        body = self.call("DescribeTargetHealth", TargetGroupArn=group, **named)[1]
        self.assertIn("<Reason>Target.NotRegistered</Reason>", body)
        self.assertNotIn(server.address, body)

    def test_an_address_has_many_ports(self):
        group = self.group_of_rule()
        named = {"Targets.member.1.Id": "10.1.1.1", "Targets.member.1.Port": "81", "Targets.member.2.Id": "10.1.1.1"}
        self.call("RegisterTargets", TargetGroupArn=group, **named)
        self.assertEqual([target.port for target in targets.of_group(group)], [81, 80])
        self.delay(group, 0)
        self.call("DeregisterTargets", TargetGroupArn=group, **{"Targets.member.1.Id": "10.1.1.1"})
        self.assertEqual([target.port for target in targets.of_group(group)], [81])

    def test_a_draining_target_ends_its_requests_and_gets_no_new_ones(self):
        begun, end = threading.Event(), threading.Event()
        self.addCleanup(end.set)

        def answer(request):
            if request.path == "/slow":
                begun.set()
                end.wait(20)
            request.reply(body=b"old")

        old, group = self.serve(answer)
        self.become(group, old, "healthy", None)
        self.delay(group, 20)
        answers = []
        visitor = threading.Thread(target=lambda: answers.append(self.visit(path="/slow").text))
        visitor.start()
        self.assertTrue(begun.wait(10))
        target = targets.find(group, old.address, old.port)
        with mock.patch.object(time_scale.sfn, "_SFN_WAIT_SCALE", 0):
            self.deregister(group, old)
        self.assertEqual(self.health(group)[old.address], ("draining", "Target.DeregistrationInProgress"))
        self.assertEqual(self.visit().status, 503)
        new, _ = self.serve(lambda request: request.reply(body=b"new"), group)
        self.become(group, new, "healthy", None)
        self.assertEqual({self.visit().text for _ in range(4)}, {"new"})
        self.assertFalse(target.is_drained())
        checks = len(old.requests)
        end.set()
        visitor.join(10)
        self.assertEqual(answers, ["old"])
        targets.wait_until_drained([target])
        self.assertEqual(list(self.health(group)), [new.address])
        self.assertEqual(len(old.requests), checks)

    def test_a_draining_target_is_described_for_the_whole_delay(self):
        group = self.group_of_rule()
        self.delay(group, 300)
        record = {"Targets.member.1.Id": "10.1.1.1"}
        self.call("RegisterTargets", TargetGroupArn=group, **record)
        self.call("DeregisterTargets", TargetGroupArn=group, **record)
        self.assertEqual(self.health(group), {"10.1.1.1": ("draining", "Target.DeregistrationInProgress")})
        self.call("RegisterTargets", TargetGroupArn=group, **record)
        self.assertEqual(self.health(group), {"10.1.1.1": ("healthy", None)})

    def test_the_targets_of_a_deleted_group_are_checked_no_more(self):
        server, group = self.serve()
        self.become(group, server, "healthy", None)
        target = targets.find(group, server.address, server.port)
        alb._rules.clear()
        self.assertEqual(self.call("DeleteTargetGroup", TargetGroupArn=group)[0], 200)
        self.assertTrue(target.is_drained())
        self.eventually(target._watch.done)

    def test_records_cost_nothing(self):
        begin, threads = time.monotonic(), threading.active_count()
        group = self.group_of_rule()
        for number in range(1000):
            alb.set_targets_for_group(group, [(f"10.0.{number >> 8}.{number & 255}", 80)])
        self.assertEqual(set(self.health(group).values()), {("healthy", None)})
        self.assertEqual(len(self.health(group)), 1000)
        self.assertLessEqual(threading.active_count(), threads)
        self.assertEqual({target._watch for target in targets.of_group(group)}, {None})
        self.assertLess(time.monotonic() - begin, 5)
