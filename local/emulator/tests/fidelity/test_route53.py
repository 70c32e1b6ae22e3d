"""Route 53."""

import asyncio
from xml.sax.saxutils import escape

from ministack.core import iam_actions
from ministack.services import alb, route53
from ministack.services.cloudformation import provisioners

from emulator.fidelity import route53 as domain_names
from support import ACCOUNT, LocalTestCase

BALANCER = "Dev-ALB-1.eu-west-1.elb.amazonaws.com"
WEIGHTED = {"SetIdentifier": "blue", "Weight": 10}


def target(name=BALANCER, zone=domain_names._LOAD_BALANCERS):
    return {"HostedZoneId": zone, "DNSName": name, "EvaluateTargetHealth": "false"}


def xml(fields):
    return "".join(
        f"<{name}>{xml(value) if isinstance(value, dict) else escape(str(value))}</{name}>"
        for name, value in fields.items()
    )


class RecordSets(LocalTestCase):
    def setUp(self):
        super().setUp()
        self.addCleanup(route53.reset)
        self.addCleanup(alb.reset)
        self.zone, _ = provisioners._r53_hosted_zone_create("Zone", {"Name": "example.com"}, "stack")
        alb._lbs.set_scoped(ACCOUNT, "eu-central-1", "arn", {"DNSName": BALANCER})

    def body(self, *changes):
        """A change: the action, the name, and fields of the record set."""
        made = []
        for action, name, fields in changes:
            record = {"Name": name, "Type": "A", "AliasTarget": target(), **fields}
            record = {name: value for name, value in record.items() if value is not None}
            made.append({"Change": {"Action": action, "ResourceRecordSet": record}})
        batch = f"<ChangeBatch><Changes>{''.join(map(xml, made))}</Changes></ChangeBatch>"
        request = f'<ChangeResourceRecordSetsRequest xmlns="{route53.NS}">{batch}</ChangeResourceRecordSetsRequest>'
        return request.encode()

    def request(self, method, query=None, body=b""):
        path = f"/2013-04-01/hostedzone/{self.zone}/rrset/"
        status, _, answer = asyncio.run(route53.handle_request(method, path, {}, body, query or {}))
        return status, answer.decode()

    def change(self, *changes):
        return self.request("POST", body=self.body(*changes))

    def make(self, name, **fields):
        return self.change(("CREATE", name, fields))

    def delete(self, name, **fields):
        return self.change(("DELETE", name, fields))

    def listed(self, **query):
        """The names and types, but those that a zone comes with."""
        status, body = self.request("GET", query)
        self.assertEqual(status, 200, body)
        root = route53._parse_body(body.encode())
        records = route53._findall(route53._find(root, "ResourceRecordSets"), "ResourceRecordSet")
        found = [(route53._text(one, "Name"), route53._text(one, "Type")) for one in records]
        following = {
            parameter: route53._text(root, element)
            for parameter, element in (
                ("name", "NextRecordName"),
                ("type", "NextRecordType"),
                ("identifier", "NextRecordIdentifier"),
            )
            if route53._text(root, element)
        }
        return [one for one in found if one[1] not in ("SOA", "NS")], following

    def assert_refused(self, answer, *reasons, code="InvalidChangeBatch"):
        status, body = answer
        self.assertEqual(status, 400, body)
        error = route53._find(route53._parse_body(body.encode()), "Error")
        self.assertEqual(route53._text(error, "Code"), code)
        message = route53._text(error, "Message")
        if code == "InvalidChangeBatch":
            self.assertEqual(message, f"[{', '.join(reasons)}]")
        else:
            self.assertIn(reasons[0], message)

    def test_a_record_is_created_once_and_deleted_once(self):
        self.assertEqual(self.make("a.example.com")[0], 200)
        self.assert_refused(
            self.make("A.example.com."),
            "Tried to create resource record set [name='a.example.com.', type='A'] but it already exists",
        )
        self.assert_refused(
            self.delete("a.example.com", AliasTarget=target(f"dualstack.{BALANCER}")),
            "Tried to delete resource record set [name='a.example.com.', type='A'] but the values provided do not "
            "match the current values",
        )
        self.assertEqual(self.delete("a.example.com", AliasTarget=target(BALANCER.upper()))[0], 200)
        self.assert_refused(
            self.delete("a.example.com", **WEIGHTED),
            "Tried to delete resource record set [name='a.example.com.', type='A', set-identifier='blue'] but it was "
            "not found",
        )

    def test_record_sets_of_a_name_have_the_same_policy(self):
        self.make("simple.example.com")
        self.assert_refused(
            self.make("simple.example.com", **WEIGHTED),
            "RRSet with DNS name simple.example.com., type A, SetIdentifier blue cannot be created as a non-weighted "
            "set exists with the same name and type.",
        )
        self.make("weighted.example.com", **WEIGHTED)
        self.assertEqual(self.make("weighted.example.com", SetIdentifier="green", Weight=0)[0], 200)
        refused = "RRSet with DNS name weighted.example.com., type A cannot be created as other RRSets exist with the "
        for fields in ({}, {"SetIdentifier": "red", "Region": "eu-west-1"}):
            for action in ("CREATE", "UPSERT"):
                self.assert_refused(
                    self.change((action, "weighted.example.com", fields)), f"{refused}same name and type."
                )
        self.assert_refused(
            self.make("weighted.example.com", **WEIGHTED),
            "Tried to create resource record set [name='weighted.example.com.', type='A', set-identifier='blue'] but "
            "it already exists",
        )
        self.assertEqual(self.change(("UPSERT", "weighted.example.com", {**WEIGHTED, "Weight": 20}))[0], 200)

    def test_a_batch_is_changed_as_a_whole_or_not_at_all(self):
        self.make("there.example.com")
        answer = self.change(("CREATE", "new.example.com", {}), ("CREATE", "there.example.com", {}))
        self.assertEqual(answer[0], 400)
        self.assertEqual(self.listed()[0], [("there.example.com.", "A")])
        moved = (("DELETE", "there.example.com", {}), ("CREATE", "there.example.com", WEIGHTED))
        self.assertEqual(self.change(*moved)[0], 200)
        self.assertEqual(self.change(("DELETE", "there.example.com", WEIGHTED), moved[0])[0], 400)
        self.assertEqual(self.listed()[0], [("there.example.com.", "A")])

    def test_a_refusal_gives_every_reason(self):
        self.assert_refused(
            self.change(("CREATE", "a.example.org", {}), ("DELETE", "b.example.com", {})),
            "RRSet with DNS name a.example.org. is not permitted in zone example.com.",
            "Tried to delete resource record set [name='b.example.com.', type='A'] but it was not found",
        )

    def test_a_cname_is_alone(self):
        plain = {"AliasTarget": None, "TTL": 60, "ResourceRecords": {"ResourceRecord": {"Value": "x"}}}
        self.make("a.example.com")
        self.make("c.example.com", Type="CNAME", **plain)
        self.assertIn("as it conflicts with other records", self.make("a.example.com", Type="CNAME", **plain)[1])
        self.assertIn("a conflicting RRSet of type CNAME", self.make("c.example.com")[1])

    def test_an_alias_needs_a_target_that_exists(self):
        tried = "Tried to create an alias that targets {}, type A in zone {}, but {}".format
        within, found = "the alias target name does not lie within the target zone", "that target was not found"
        balancer, elsewhere = f"{BALANCER.lower()}.", "gone.eu-west-1.elb.amazonaws.com."
        for name, zone, reasons in (
            (balancer, self.zone, (within, found)),
            (balancer, "ZELSEWHERE", (within, found)),
            (elsewhere, domain_names._LOAD_BALANCERS, (found,)),
            ("b.example.com.", self.zone, (found,)),
        ):
            refused = self.make("a.example.com", AliasTarget=target(name, zone))
            self.assert_refused(refused, *(tried(name, zone, reason) for reason in reasons))
        for alias, name, zone in (
            ("a.example.com", f"dualstack.{BALANCER}", domain_names._LOAD_BALANCERS),
            ("b.example.com", "a.example.com", self.zone),
            ("c.example.com", "d1.cloudfront.net", "Z2FDTNDATAQYW2"),
        ):
            self.assertEqual(self.make(alias, AliasTarget=target(name, zone))[0], 200)

    def test_an_alias_can_be_deleted_after_its_target(self):
        self.make("a.example.com")
        alb.reset()
        self.assertEqual(self.delete("a.example.com")[0], 200)

    def test_an_incomplete_record_is_refused(self):
        for fields, reason in (
            ({"AliasTarget": None}, "but found none in Change with [Action=CREATE, Name=a.example.com., Type=A, "),
            ({"AliasTarget": None, "TTL": 60}, "but found none"),
            ({"TTL": 60}, "but found more than one"),
            ({"Weight": 1}, "Missing field 'SetIdentifier'"),
            ({"SetIdentifier": "blue"}, "but found none"),
            ({"SetIdentifier": "blue", "Weight": 256}, "Weight"),
            ({"AliasTarget": target(name="")}, "'AliasTarget' is not complete"),
            ({"AliasTarget": target(zone="")}, "'AliasTarget' is not complete"),
            *(
                ({"AliasTarget": {name: value for name, value in target().items() if name != left_out}}, "AliasTarget")
                for left_out in target()
            ),
        ):
            with self.subTest(fields):
                self.assert_refused(self.make("a.example.com", **fields), reason, code="InvalidInput")

    def test_a_missing_zone_is_not_found(self):
        self.zone = "ZMISSING"
        for status, body in (self.make("a.example.com"), self.request("GET")):
            self.assertEqual(status, 404)
            self.assertIn("<Code>NoSuchHostedZone</Code>", body)

    def test_a_name_has_one_form(self):
        for given, stored in (
            ("*.Example.com", "\\052.example.com."),
            ("\\052.example.com.", "\\052.example.com."),
            ("a_b-c.example.com", "a_b-c.example.com."),
            ("\\101\\056.example.com", "a\\056.example.com."),
            ("", ""),
        ):
            self.assertEqual(route53._normalise_name(given), stored)
        self.make("*.example.com")
        self.assertEqual(self.listed()[0], [("\\052.example.com.", "A")])
        self.assertEqual(self.delete("\\052.example.com")[0], 200)

    def test_names_are_listed_in_order_and_in_pages(self):
        names = ["x.a.example.com.", "b.example.com.", "a-b.example.com.", "a.example.com."]
        for name in names:
            self.make(name)
        self.make("a.example.com.", Type="AAAA")
        self.make("c.example.com", **WEIGHTED)
        self.make("c.example.com", SetIdentifier="green", Weight=1)
        order = [
            ("a-b.example.com.", "A"),
            ("a.example.com.", "A"),
            ("a.example.com.", "AAAA"),
            ("x.a.example.com.", "A"),
            ("b.example.com.", "A"),
            ("c.example.com.", "A"),
            ("c.example.com.", "A"),
        ]
        self.assertEqual(self.listed(), (order, {}))
        self.assertEqual(self.listed(name="A.Example.com")[0], order[1:])
        self.assertEqual(self.listed(name="a.example.com", type="AAAA")[0], order[2:])
        pages, following = [], {}
        while True:
            page, following = self.listed(maxitems="2", **following)
            pages += page
            if not following:
                break
        self.assertEqual(pages, order)
        status, body = self.request("GET", {"type": "A"})
        self.assertEqual(status, 400)
        self.assertIn("<Code>InvalidInput</Code>", body)

    def test_a_page_has_300_records_at_most(self):
        records = [{"Name": f"{number}.example.com.", "Type": "A"} for number in range(301)]
        route53._records[self.zone] += records
        found, following = self.listed(maxitems="500")
        # Two more are those that a zone comes with.
        self.assertEqual(len(found), 298)
        self.assertEqual(len(self.listed(**following)[0]), 3)

    def test_cloudformation_does_not_delete_a_zone_with_records(self):
        self.make("a.example.com")
        with self.assertRaisesRegex(ValueError, "contains resource record sets other than"):
            provisioners._delete_resource("AWS::Route53::HostedZone", self.zone, {})
        self.delete("a.example.com")
        provisioners._delete_resource("AWS::Route53::HostedZone", self.zone, {})
        self.assertNotIn(self.zone, route53._zones)
        provisioners._delete_resource("AWS::Route53::HostedZone", self.zone, {})

    def test_the_changes_are_condition_keys(self):
        path = f"/2013-04-01/hostedzone/{self.zone}/rrset"
        arn = f"arn:aws:route53:::hostedzone/{self.zone}"
        for method, action in (("POST", "ChangeResourceRecordSets"), ("GET", "ListResourceRecordSets")):
            asked = ("route53", method, path, {}, b"", {})
            self.assertEqual(iam_actions.extract_iam_action(*asked), f"route53:{action}")
            self.assertEqual(iam_actions.extract_resource_arn(*asked, "us-east-1", ACCOUNT), arn)
        body = self.body(("CREATE", "*.Example.com", {}), ("DELETE", "a.example.com", {"Type": "AAAA"}))
        context = iam_actions.request_tag_context("route53", "route53:ChangeResourceRecordSets", body, {})
        self.assertEqual(
            {name: value for name, value in context.items() if name.startswith("route53:")},
            {
                "route53:ChangeResourceRecordSetsNormalizedRecordNames": ["\\052.example.com", "a.example.com"],
                "route53:ChangeResourceRecordSetsRecordTypes": ["A", "AAAA"],
                "route53:ChangeResourceRecordSetsActions": ["CREATE", "DELETE"],
            },
        )
