"""CloudWatch Logs."""

import json
from itertools import chain

from ministack.services import cloudwatch_logs
from ministack.services.cloudformation import provisioners

from support import LocalTestCase


class LogEvents(LocalTestCase):
    def setUp(self):
        super().setUp()
        self.addCleanup(cloudwatch_logs.reset)
        cloudwatch_logs._create_log_group({"logGroupName": "g"})
        for stream in ("one", "two"):
            cloudwatch_logs._create_log_stream({"logGroupName": "g", "logStreamName": stream})

    def pages(self, **request):
        """The messages, page by page."""
        pages, token = [], {}
        while token is not None:
            answer = json.loads(cloudwatch_logs._filter_log_events({"logGroupName": "g", **request, **token})[2])
            pages.append([event["message"] for event in answer["events"]])
            token = {"nextToken": answer["nextToken"]} if "nextToken" in answer else None
        return pages

    def put(self, stream, *times):
        events = [{"timestamp": time, "message": f"{stream} {number}"} for number, time in enumerate(times)]
        cloudwatch_logs._put_log_events({"logGroupName": "g", "logStreamName": stream, "logEvents": events})

    def test_every_event_is_on_one_page(self):
        now = cloudwatch_logs.time.time_ns() // 1_000_000
        self.put("one", now, now, now, now, now + 1)
        self.put("two", now, now + 2)
        everything = self.pages()
        self.assertEqual([len(page) for page in everything], [7])
        for size in range(1, 8):
            pages = self.pages(limit=size)
            self.assertEqual(list(chain.from_iterable(pages)), everything[0], size)
            self.assertTrue(all(len(page) <= size for page in pages))

    def test_the_filter_applies_to_every_page(self):
        now = cloudwatch_logs.time.time_ns() // 1_000_000
        self.put("one", now, now + 1, now + 2, now + 3)
        self.assertEqual(
            list(chain.from_iterable(self.pages(limit=1, startTime=now + 1, endTime=now + 2))), ["one 1", "one 2"]
        )
        self.assertEqual(list(chain.from_iterable(self.pages(limit=1, filterPattern='"one 3"'))), ["one 3"])


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


class Queries(LocalTestCase):
    def setUp(self):
        super().setUp()
        self.addCleanup(cloudwatch_logs.reset)

    def test_a_query_needs_a_text_and_log_groups_that_exist(self):
        create = provisioners._RESOURCE_HANDLERS["AWS::Logs::QueryDefinition"]["create"]
        query = {"Name": "q", "QueryString": "limit 1", "LogGroupNames": ["g"]}
        with self.assertRaises(ValueError):
            create("Query", query, "stack")
        cloudwatch_logs._create_log_group({"logGroupName": "g"})
        identifier, attributes = create("Query", query, "stack")
        self.assertEqual(attributes, {"QueryDefinitionId": identifier})
        with self.assertRaises(ValueError):
            create("Query", {**query, "QueryString": ""}, "stack")
