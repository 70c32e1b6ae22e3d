"""What the mends of log_groups.py promise."""

import json

from ministack.services import cloudwatch_logs

from support import LocalTestCase


class LogGroups(LocalTestCase):
    def setUp(self):
        super().setUp()
        self.addCleanup(cloudwatch_logs.reset)
        for number in range(101):
            cloudwatch_logs._create_log_group({"logGroupName": f"/ecs/{number:03}"})
        cloudwatch_logs._create_log_group({"logGroupName": "/aws/first"})

    def describe(self, **data):
        status, _, body = cloudwatch_logs._describe_log_groups({"logGroupNamePrefix": "/ecs/", **data})
        answer = json.loads(body)
        return status, [group["logGroupName"] for group in answer.get("logGroups", [])], answer.get("nextToken")

    def test_groups_come_in_pages_of_50(self):
        _, first, token = self.describe()
        _, second, token = self.describe(nextToken=token)
        _, third, end = self.describe(nextToken=token)
        self.assertEqual(first + second + third, [f"/ecs/{number:03}" for number in range(101)])
        self.assertEqual((len(first), len(second), end), (50, 50, None))
        self.assertEqual(self.describe(limit=51)[0], 400)

    def test_a_deletion_between_two_pages_hides_nothing(self):
        _, _, token = self.describe(limit=50)
        cloudwatch_logs._delete_log_group({"logGroupName": "/ecs/000"})
        self.assertEqual(self.describe(limit=1, nextToken=token)[1], ["/ecs/050"])
