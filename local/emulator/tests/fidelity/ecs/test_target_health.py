"""Services and the health of their tasks' targets."""

import threading
from unittest import mock

from ministack.services import ecs

from support import ContainersTestCase, SitesTestCase, TargetServer


class TargetHealth(SitesTestCase, ContainersTestCase):
    def setUp(self):
        super().setUp()
        # A web server for each container, at an address of its own and the port of all.
        self.servers, self.answer = [], lambda request: request.reply()
        self.enterContext(mock.patch.object(ecs, "_container_ip", self.address_of_a_new_server))
        self.target_group = self.group_of_rule()
        ecs._ACTION_MAP["CreateCluster"]({"clusterName": "c"})
        container = {"name": "wordpress", "image": "pretend"}
        ecs._ACTION_MAP["RegisterTaskDefinition"]({"family": "f", "containerDefinitions": [container]})

    def address_of_a_new_server(self, container, _network):
        server = TargetServer(lambda request: self.answer(request), self.servers[0].port if self.servers else 0)
        self.addCleanup(server.stop)
        container.when_ended(server.stop)
        self.servers.append(server)
        self.service["loadBalancers"][0]["containerPort"] = server.port
        return server.address

    @property
    def service(self):
        return ecs._services["c/s"]

    @property
    def state(self):
        return self.service["deployments"][0]["rolloutState"]

    def tasks(self, *states):
        return [task for task in ecs._tasks.values() if task["lastStatus"] in states]

    def create(self, **settings):
        balancer = {"targetGroupArn": self.target_group, "containerName": "wordpress", "containerPort": 80}
        request = {"cluster": "c", "serviceName": "s", "taskDefinition": "f", "desiredCount": 1}
        answer = ecs._ACTION_MAP["CreateService"]({**request, "loadBalancers": [balancer], **settings})
        self.assertEqual(answer[0], 200, answer[2])
        self.eventually(lambda: self.tasks("RUNNING"))

    def update(self, **settings):
        ecs._ACTION_MAP["UpdateService"]({"cluster": "c", "service": "s", **settings})

    def delay(self, seconds):
        attribute = {"Attributes.member.1.Key": "deregistration_delay.timeout_seconds"}
        attribute["Attributes.member.1.Value"] = str(seconds)
        self.call("ModifyTargetGroupAttributes", TargetGroupArn=self.target_group, **attribute)

    def test_a_deployment_completes_when_its_targets_are_healthy(self):
        answering = threading.Event()
        self.addCleanup(answering.set)

        def answer(request):
            answering.wait(10)
            request.reply()

        self.answer = answer
        self.create()
        self.become(self.target_group, self.servers[0], "initial", "Elb.InitialHealthChecking")
        ecs._record_service_task_healthy("c/s", self.tasks("RUNNING")[0])
        ecs._complete_service_deployment("c", "c/s")
        self.assertEqual(self.state, "IN_PROGRESS")
        answering.set()
        self.eventually(lambda: self.state == "COMPLETED")

    def test_records_are_healthy_at_once(self):
        with mock.patch.object(ecs, "_container_ip", return_value="10.0.0.9"):
            self.create()
            self.eventually(lambda: self.state == "COMPLETED")
        self.assertEqual(self.health(self.target_group), {"10.0.0.9": ("healthy", None)})

    def test_a_task_with_an_unhealthy_target_is_replaced_after_the_grace_period(self):
        self.delay(0)
        self.create(healthCheckGracePeriodSeconds=1000)
        self.eventually(lambda: self.state == "COMPLETED")
        self.answer = lambda request: request.reply(500 if request.server is self.servers[0] else 200)
        self.become(self.target_group, self.servers[0], "unhealthy", "Target.ResponseCodeMismatch")
        checks = len(self.servers[0].requests)
        self.eventually(lambda: len(self.servers[0].requests) > checks + 1)
        self.assertEqual(len(self.tasks("RUNNING")), 1)
        self.update(healthCheckGracePeriodSeconds=0)
        (stopped,) = self.eventually(lambda: self.tasks("STOPPED"))
        reason = f"Task failed ELB health checks in (target-group {self.target_group})"
        self.eventually(lambda: stopped["stopCode"] == "ServiceSchedulerInitiated")
        self.assertEqual(stopped["stoppedReason"], reason)
        self.eventually(lambda: len(self.servers) == 2)
        self.become(self.target_group, self.servers[1], "healthy", None)
        self.assertIn(
            f"(port {self.servers[0].port}) is unhealthy in (target-group {self.target_group}) "
            "due to (reason Health checks failed with these codes: [500])",
            self.service["events"][0]["message"],
        )

    def test_unhealthy_targets_fail_a_deployment(self):
        self.delay(0)
        self.answer = lambda request: request.reply(500)
        breaker = {"deploymentCircuitBreaker": {"enable": True, "rollback": False}}
        self.create(deploymentConfiguration=breaker)
        self.eventually(lambda: self.state == "FAILED", 20)
        self.assertEqual(self.service["deployments"][0]["failedTasks"], 3)

    def test_a_task_drains_before_it_stops(self):
        begun, end = threading.Event(), threading.Event()
        self.addCleanup(end.set)

        def answer(request):
            if request.path == "/slow":
                begun.set()
                end.wait(20)
            request.reply(body=b"done")

        self.answer = answer
        self.create()
        self.become(self.target_group, self.servers[0], "healthy", None)
        with mock.patch("emulator.time_scale.sfn._SFN_WAIT_SCALE", 0):
            answers = []
            visitor = threading.Thread(target=lambda: answers.append(self.visit(path="/slow").text))
            visitor.start()
            self.assertTrue(begun.wait(10))
            self.update(desiredCount=0)
            (task,) = self.tasks("DEACTIVATING")
            self.assertEqual((task["desiredStatus"], task["stopCode"]), ("STOPPED", "UserInitiated"))
            container = ecs._docker.containers.get(task["_docker_ids"][0])
            ecs._ACTION_MAP["StopTask"]({"cluster": "c", "task": task["taskArn"]})
            ecs._ACTION_MAP["DeleteService"]({"cluster": "c", "service": "s"})
            self.assertEqual(self.service["status"], "DRAINING")
            self.assertEqual((task["lastStatus"], container.status), ("DEACTIVATING", "running"))
            end.set()
            self.eventually(lambda: self.service["status"] == "INACTIVE")
        visitor.join(10)
        self.assertEqual(answers, ["done"])
        self.assertEqual((task["lastStatus"], container.status), ("STOPPED", "exited"))
        self.assertEqual(task["stoppedReason"], "Service scaling down")

    def test_a_deployment_loses_no_request(self):
        self.delay(1)
        self.create()
        self.eventually(lambda: self.state == "COMPLETED")
        statuses, is_over = [], threading.Event()

        def visit():
            while not is_over.is_set():
                statuses.append(self.visit().status)

        visitors = [threading.Thread(target=visit) for _ in range(4)]
        for visitor in visitors:
            visitor.start()
        self.update(forceNewDeployment=True)
        self.eventually(lambda: self.tasks("STOPPED"))
        self.assertEqual(self.state, "COMPLETED")
        is_over.set()
        for visitor in visitors:
            visitor.join(10)
        self.assertEqual(set(statuses), {200})
