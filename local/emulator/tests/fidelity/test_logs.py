"""What the mends of log_events.py promise."""

import json

from ministack.services import cloudwatch_logs

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
            self.assertEqual(sum(pages, []), everything[0], size)
            self.assertTrue(all(len(page) <= size for page in pages))

    def test_the_choice_of_events_holds_for_every_page(self):
        now = cloudwatch_logs.time.time_ns() // 1_000_000
        self.put("one", now, now + 1, now + 2, now + 3)
        self.assertEqual(sum(self.pages(limit=1, startTime=now + 1, endTime=now + 2), []), ["one 1", "one 2"])
        self.assertEqual(sum(self.pages(limit=1, filterPattern='"one 3"'), []), ["one 3"])
