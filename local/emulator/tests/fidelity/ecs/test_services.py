"""Services and their deployments."""

import time

from ministack.services import ecs

from support import ContainersTestCase


class Services(ContainersTestCase):
    def test_a_first_deployment_is_in_progress(self):
        self.assertEqual(ecs._make_deployment("family:1", 1)["rolloutState"], "IN_PROGRESS")

    def service(self):
        """A service whose deployment is in progress."""
        ecs._ACTION_MAP["CreateCluster"]({"clusterName": "c"})
        container = {"name": "wordpress", "image": "wordpress"}
        ecs._ACTION_MAP["RegisterTaskDefinition"]({"family": "f", "containerDefinitions": [container]})
        ecs._ACTION_MAP["CreateService"]({"cluster": "c", "serviceName": "s", "taskDefinition": "f", "desiredCount": 0})
        service = ecs._services["c/s"]
        service["deployments"][0]["rolloutState"] = "IN_PROGRESS"
        return service

    def task(self, service, **fields):
        """A running task of a service."""
        ecs._tasks["t"] = {
            "taskArn": "t",
            "group": "service:s",
            "clusterArn": service["clusterArn"],
            "taskDefinitionArn": service["taskDefinition"],
            "lastStatus": "RUNNING",
            "_deployment_id": service["deployments"][0]["id"],
            **fields,
        }
        return ecs._tasks["t"]

    def test_a_service_needs_an_attached_target_group_and_an_active_task_definition(self):
        self.service()
        group = "arn:aws:elasticloadbalancing:eu-west-1:123456789012:targetgroup/none/1"
        balancers = [{"targetGroupArn": group, "containerName": "wordpress", "containerPort": 80}]
        request = {"cluster": "c", "serviceName": "other", "taskDefinition": "f:1"}
        answer = ecs._ACTION_MAP["CreateService"]({**request, "loadBalancers": balancers})
        self.assertIn("does not have an associated load balancer", str(answer[2]))
        ecs._ACTION_MAP["DeregisterTaskDefinition"]({"taskDefinition": "f:1"})
        self.assertIn("TaskDefinition is inactive", str(ecs._ACTION_MAP["CreateService"](request)[2]))

    def test_the_name_of_a_draining_service_is_taken(self):
        self.service()["status"] = "DRAINING"
        answer = ecs._ACTION_MAP["CreateService"]({"cluster": "c", "serviceName": "s", "taskDefinition": "f:1"})
        self.assertIn("still Draining", str(answer[2]))

    def test_a_task_that_has_ended_is_not_healthy(self):
        crashed = ecs._docker.containers.run("crash:1")
        task = self.task(self.service(), _docker_ids=[crashed.id], containers=[{"image": "crash:1"}])
        ecs._record_service_task_healthy("c/s", task)
        self.assertEqual(task["lastStatus"], "STOPPED")
        self.assertNotIn("_startup_stable", task)

    def test_a_deployment_completes_when_fewer_tasks_are_wanted(self):
        service = self.service()
        deployment = service["deployments"][0]
        self.task(service, _startup_stable=True)
        ecs._ACTION_MAP["UpdateService"]({"cluster": "c", "service": "s", "desiredCount": 1})
        deadline = time.monotonic() + 10
        while deployment["rolloutState"] == "IN_PROGRESS" and time.monotonic() < deadline:
            time.sleep(0.01)
        self.assertEqual(deployment["rolloutState"], "COMPLETED")
