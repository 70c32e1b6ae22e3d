"""Simple Storage Service."""

from ministack import app
from ministack.core import iam_evaluator
from ministack.services import s3
from ministack.services.cloudformation import provisioners

from emulator.fidelity import s3 as object_storage
from support import ACCOUNT, REGION, LocalTestCase

SIGNED = {"authorization": "AWS4-HMAC-SHA256 Credential=KEY/20250101/eu-west-1/s3/aws4_request, Signature=x"}


class ObjectStorage(LocalTestCase):
    def setUp(self):
        super().setUp()
        self.addCleanup(s3.reset)
        self.addCleanup(setattr, app, "AUTH", app.AUTH)
        self.addCleanup(setattr, iam_evaluator, "enforce", iam_evaluator.enforce)
        app.AUTH = True
        s3._buckets["bucket"] = {"objects": {}, "region": REGION}

    def read(self, listing):
        asked = []
        iam_evaluator.enforce = lambda *question: asked.append(question) or (None if listing else "denied")
        answers = s3._get_object("bucket", "key", SIGNED), s3._head_object("bucket", "key", SIGNED)
        self.assertEqual(asked[0], ("KEY", "s3:ListBucket", "s3", REGION, "arn:aws:s3:::bucket"))
        return answers

    def test_a_missing_object_is_not_found_by_a_caller_that_may_list(self):
        get, head = self.read(listing=True)
        self.assertEqual((get[0], head[0]), (404, 404))
        self.assertIn(b"NoSuchKey", get[2])

    def test_a_missing_object_is_denied_to_a_caller_that_may_not_list(self):
        get, head = self.read(listing=False)
        self.assertEqual((get[0], head[0], head[2]), (403, 403, b""))
        self.assertIn(b"AccessDenied", get[2])

    def test_a_call_without_credentials_is_ministacks_own_and_may_list(self):
        self.assertTrue(object_storage._may_list("bucket", {}, {}))

    def test_keys_come_in_pages_of_1000(self):
        thing = {"last_modified": "2025-01-01T00:00:00.000Z", "etag": '"e"', "size": 0}
        s3._buckets["bucket"]["objects"] = {f"{number:04}": dict(thing) for number in range(1001)}
        for lists in (s3._list_objects_v1, s3._list_objects_v2, s3._list_object_versions):
            for query in ({}, {"max-keys": ["5000"]}):
                body = lists("bucket", query)[2]
                self.assertEqual(body.count(b"<Key>"), 1000)
                self.assertIn(b"<IsTruncated>true</IsTruncated>", body)
            self.assertEqual(lists("bucket", {"max-keys": ["2"]})[2].count(b"<Key>"), 2)

    def test_a_call_deletes_no_more_than_1000_objects(self):
        def delete(number):
            named = "".join(f"<Object><Key>{at}</Key></Object>" for at in range(number))
            return s3._delete_objects("bucket", f'<Delete xmlns="{s3.S3_NS}">{named}</Delete>'.encode())

        self.assertEqual(delete(1000)[0], 200)
        status, _, body = delete(1001)
        self.assertEqual(status, 400)
        self.assertIn(b"MalformedXML", body)

    def test_a_policy_that_denies_calls_without_tls_denies_nothing(self):
        asked = iam_evaluator.EvalContext("arn", "User", ACCOUNT, "s3:GetObject", "*", REGION)
        denial = {"Bool": {"aws:SecureTransport": "false"}}
        self.assertFalse(iam_evaluator._conditions_met(denial, asked))

    def test_cloudformation_sets_the_lifecycle(self):
        rule = {
            "Id": "old",
            "Status": "Enabled",
            "ExpirationInDays": "90",
            "NoncurrentVersionExpiration": {"NoncurrentDays": 7},
        }
        provisioners._s3_apply_configurations("bucket", {"LifecycleConfiguration": {"Rules": [rule]}})
        body = s3._get_bucket_lifecycle("bucket")[2].decode()
        for part in ("<ID>old</ID>", "<Expiration><Days>90</Days></Expiration>", "<NoncurrentDays>7</NoncurrentDays>"):
            self.assertIn(part, body)
        provisioners._s3_apply_configurations("bucket", {}, {"LifecycleConfiguration": {}})
        self.assertEqual(s3._get_bucket_lifecycle("bucket")[0], 404)
