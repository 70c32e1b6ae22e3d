"""Task definitions."""

import json

from ministack.services import ecs

from support import LocalTestCase


class TaskDefinitions(LocalTestCase):
    def test_a_task_definition_has_only_what_was_registered(self):
        self.addCleanup(ecs.reset)
        container = {"name": "wordpress", "image": "wordpress"}
        registered = {"family": "f", "containerDefinitions": [container], "ephemeralStorage": {"sizeInGiB": 30}}
        for call, request in (
            ("RegisterTaskDefinition", registered),
            ("DescribeTaskDefinition", {"taskDefinition": "f"}),
            ("DeregisterTaskDefinition", {"taskDefinition": "f:1"}),
        ):
            _, _, body = ecs._ACTION_MAP[call](request)
            definition = json.loads(body)["taskDefinition"]
            self.assertEqual(definition["ephemeralStorage"], {"sizeInGiB": 30})
            self.assertEqual(definition["volumes"], [])
            for name in ("pidMode", "ipcMode", "proxyConfiguration", "runtimePlatform", "taskRoleArn"):
                self.assertNotIn(name, definition)

    def test_a_task_definition_that_cannot_be_deleted_has_awss_reason(self):
        self.addCleanup(ecs.reset)
        container = {"name": "wordpress", "image": "wordpress"}
        for _ in range(2):
            ecs._ACTION_MAP["RegisterTaskDefinition"]({"family": "f", "containerDefinitions": [container]})
        ecs._ACTION_MAP["DeregisterTaskDefinition"]({"taskDefinition": "f:1"})
        _, _, body = ecs._ACTION_MAP["DeleteTaskDefinitions"]({"taskDefinitions": ["f:1", "f:2", "f:3"]})
        answer = json.loads(body)
        self.assertEqual([deleted["revision"] for deleted in answer["taskDefinitions"]], [1])
        reasons = {failure["arn"]: failure["reason"] for failure in answer["failures"]}
        self.assertIn("does not exist", reasons["f:3"])
        self.assertIn("still in ACTIVE status", reasons["f:2"])
