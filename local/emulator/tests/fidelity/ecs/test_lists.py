"""What one call to ECS lists or describes."""

import json
from itertools import chain

from ministack.services import ecs

from support import ACCOUNT, REGION, LocalTestCase

CLUSTER = f"arn:aws:ecs:{REGION}:{ACCOUNT}:cluster/c"


class Lists(LocalTestCase):
    def setUp(self):
        super().setUp()
        self.addCleanup(ecs.reset)
        self.call("CreateCluster", clusterName="c")

    def call(self, action, **data):
        status, _, body = ecs._ACTION_MAP[action](data)
        return status, json.loads(body)

    def pages(self, action, element, between=lambda: None, **data):
        pages, token = [], {}
        while True:
            status, answer = self.call(action, **data, **token)
            self.assertEqual(status, 200, answer)
            pages.append(answer[element])
            token = {"nextToken": answer["nextToken"]} if "nextToken" in answer else None
            if not token:
                return pages
            between()

    def make_services(self, number):
        for name in (f"s{at:03}" for at in range(number)):
            arn = f"arn:aws:ecs:{REGION}:{ACCOUNT}:service/c/{name}"
            ecs._services[f"c/{name}"] = {"serviceName": name, "serviceArn": arn, "status": "ACTIVE"}

    def test_services_come_in_pages_of_10(self):
        self.make_services(101)
        pages = self.pages("ListServices", "serviceArns", cluster="c")
        self.assertEqual([len(page) for page in pages], [10] * 10 + [1])
        pages = self.pages("ListServices", "serviceArns", cluster="c", maxResults=100)
        self.assertEqual([len(page) for page in pages], [100, 1])
        status, answer = self.call("ListServices", cluster="c", maxResults=101)
        self.assertEqual((status, answer["__type"]), (400, "InvalidParameterException"))

    def test_a_deletion_between_two_pages_hides_nothing(self):
        self.make_services(12)
        first = "c/s000"
        pages = self.pages(
            "ListServices", "serviceArns", between=lambda: ecs._services.pop(first), cluster="c", maxResults=11
        )
        self.assertEqual([len(page) for page in pages], [11, 1])

    def test_task_definitions_are_listed_by_the_whole_name_of_their_family(self):
        for family in ("dev-1", "dev-1-job", "dev-12"):
            container = {"name": "wordpress", "image": "wordpress"}
            self.call("RegisterTaskDefinition", family=family, containerDefinitions=[container])

        def listed(**data):
            [page] = self.pages("ListTaskDefinitions", "taskDefinitionArns", **data)
            return [arn.rpartition("/")[2] for arn in page]

        self.assertEqual(listed(familyPrefix="dev-1"), ["dev-1:1"])
        self.assertEqual(listed(familyPrefix="dev-"), [])
        self.assertEqual(listed(), ["dev-1:1", "dev-1-job:1", "dev-12:1"])

    def test_tasks_come_in_pages_of_100(self):
        for number in range(101):
            ecs._tasks[f"t{number}"] = {"taskArn": f"t{number}", "clusterArn": CLUSTER, "desiredStatus": "RUNNING"}
        pages = self.pages("ListTasks", "taskArns", cluster="c")
        self.assertEqual([len(page) for page in pages], [100, 1])
        self.assertEqual(len(set(chain.from_iterable(pages))), 101)

    def test_task_definitions_are_sorted_by_family_and_number(self):
        container = {"name": "wordpress", "image": "wordpress"}
        for family in ["b", *["a"] * 11]:
            self.call("RegisterTaskDefinition", family=family, containerDefinitions=[container])
        wanted = [*(f"a:{number}" for number in range(1, 12)), "b:1"]
        for sort, order in (("ASC", wanted), ("DESC", wanted[::-1])):
            pages = self.pages("ListTaskDefinitions", "taskDefinitionArns", maxResults=5, sort=sort)
            self.assertEqual([len(page) for page in pages], [5, 5, 2])
            self.assertEqual([arn.rpartition("/")[2] for page in pages for arn in page], order)
        self.assertEqual(self.pages("ListTaskDefinitionFamilies", "families", maxResults=1), [["a"], ["b"]])

    def test_a_call_names_no_more_than_allowed(self):
        names = [f"s{number}" for number in range(101)]
        for action, parameter, most in (
            ("DescribeServices", "services", 10),
            ("DescribeTasks", "tasks", 100),
            ("DescribeClusters", "clusters", 100),
            ("DeleteTaskDefinitions", "taskDefinitions", 10),
        ):
            self.assertEqual(self.call(action, cluster="c", **{parameter: names[:most]})[0], 200)
            status, answer = self.call(action, cluster="c", **{parameter: names[: most + 1]})
            self.assertEqual((status, answer["__type"]), (400, "InvalidParameterException"))
