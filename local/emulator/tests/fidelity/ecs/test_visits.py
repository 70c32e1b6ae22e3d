"""Visits of WordPress through the load balancer."""

import threading

from ministack.services import ecs

from support import ImageTestCase, SitesTestCase

PATH = "/readme.html"


class Visits(SitesTestCase, ImageTestCase):
    def setUp(self):
        super().setUp()
        self.target_group = self.group_of_rule(HealthCheckPath=PATH)
        ecs._ACTION_MAP["CreateCluster"]({"clusterName": "c"})
        container = {"name": "wordpress", "image": "wordpress:6-apache", "portMappings": [{"containerPort": 80}]}
        ecs._ACTION_MAP["RegisterTaskDefinition"]({"family": "f", "containerDefinitions": [container]})

    def tasks(self, *states):
        return [task for task in ecs._tasks.values() if task["lastStatus"] in states]

    def is_complete(self):
        return ecs._services["c/s"]["deployments"][0]["rolloutState"] == "COMPLETED"

    def test_visitors_notice_no_deployment(self):
        balancer = {"targetGroupArn": self.target_group, "containerName": "wordpress", "containerPort": 80}
        service = {"cluster": "c", "serviceName": "s", "taskDefinition": "f", "desiredCount": 1}
        ecs._ACTION_MAP["CreateService"]({**service, "loadBalancers": [balancer], "healthCheckGracePeriodSeconds": 120})
        self.eventually(self.is_complete, 60)
        page = self.visit(path=PATH)
        self.assertEqual(page.status, 200)
        self.assertIn("WordPress", page.text)
        statuses, is_over = [], threading.Event()

        def visit():
            while not is_over.is_set():
                statuses.append(self.visit(path=PATH).status)

        visitors = [threading.Thread(target=visit) for _ in range(4)]
        for visitor in visitors:
            visitor.start()
        ecs._ACTION_MAP["UpdateService"]({"cluster": "c", "service": "s", "forceNewDeployment": True})
        self.eventually(lambda: self.tasks("STOPPED"), 60)
        is_over.set()
        for visitor in visitors:
            visitor.join(60)
        self.assertTrue(self.is_complete())
        self.assertEqual(set(statuses), {200})
