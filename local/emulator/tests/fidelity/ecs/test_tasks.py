"""Tasks, as they are described."""

import json

from ministack.services import ecs

from support import ContainersTestCase


class Tasks(ContainersTestCase):
    def call(self, action, **parameters):
        status, _, body = ecs._ACTION_MAP[action](parameters)
        self.assertEqual(status, 200, body)
        return json.loads(body)

    def test_a_task_that_runs_has_no_stop_code(self):
        self.call("CreateCluster", clusterName="c")
        container = {"name": "a", "image": "pretend", "environment": [{"name": "EMPTY", "value": ""}]}
        self.call("RegisterTaskDefinition", family="f", containerDefinitions=[container])
        (task,) = self.call("RunTask", cluster="c", taskDefinition="f", group="g")["tasks"]
        for name in ("stopCode", "stoppedReason", "startedBy"):
            self.assertNotIn(name, task)
        self.call("StopTask", cluster="c", task=task["taskArn"], reason="a test")

        def stopped():
            (described,) = self.call("DescribeTasks", cluster="c", tasks=[task["taskArn"]])["tasks"]
            return described if described["lastStatus"] == "STOPPED" else None

        described = self.eventually(stopped)
        self.assertEqual((described["stopCode"], described["stoppedReason"]), ("UserInitiated", "a test"))

    def test_a_one_off_task_that_is_only_a_record_has_done_its_work(self):
        self.call("CreateCluster", clusterName="c")
        self.call("RegisterTaskDefinition", family="f", containerDefinitions=[{"name": "a", "image": "pretend"}])
        (task,) = self.call("RunTask", cluster="c", taskDefinition="f")["tasks"]

        def stopped():
            (described,) = self.call("DescribeTasks", cluster="c", tasks=[task["taskArn"]])["tasks"]
            return described if described["lastStatus"] == "STOPPED" else None

        self.assertEqual(self.eventually(stopped)["containers"][0]["exitCode"], 0)
