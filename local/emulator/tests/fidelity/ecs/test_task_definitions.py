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
