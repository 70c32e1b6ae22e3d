"""Elastic File System."""

import json

from ministack.services import efs

from support import ACCOUNT, REGION, LocalTestCase


class FileSystem(LocalTestCase):
    def setUp(self):
        super().setUp()
        self.addCleanup(efs.reset)
        efs._file_systems["fs-1"] = {"FileSystemId": "fs-1"}

    def create(self, token):
        status, _, body = efs._create_access_point({"FileSystemId": "fs-1", "ClientToken": token})
        return status, json.loads(body)

    def test_only_an_encrypted_file_system_names_its_key(self):
        for request, key in (
            ({}, None),
            ({"Encrypted": True}, f"arn:aws:kms:{REGION}:{ACCOUNT}:key/00000000-0000-0000-0000-000000000000"),
            ({"Encrypted": True, "KmsKeyId": "arn:mine"}, "arn:mine"),
        ):
            _, _, body = efs._create_file_system({"CreationToken": str(key), **request})
            self.assertEqual(json.loads(body).get("KmsKeyId"), key)

    def test_an_access_point_without_a_user_has_no_member_for_it(self):
        self.assertNotIn("PosixUser", self.create("a")[1])
        user = {"Uid": 33, "Gid": 33}
        efs._create_access_point({"FileSystemId": "fs-1", "ClientToken": "b", "PosixUser": user})
        found = json.loads(efs._describe_access_points({})[2])["AccessPoints"]
        self.assertEqual({point["ClientToken"]: point.get("PosixUser") for point in found}, {"a": None, "b": user})

    def test_an_error_has_a_code_and_a_message(self):
        status, _, body = efs._create_access_point({"FileSystemId": "fs-2"})
        self.assertEqual((status, set(json.loads(body))), (404, {"ErrorCode", "Message"}))

    def test_file_systems_come_in_pages(self):
        for number in range(150):
            status, _, _ = efs._create_file_system({"CreationToken": f"token-{number}"})
            self.assertEqual(status, 201)
        del efs._file_systems["fs-1"]
        first = json.loads(efs._describe_file_systems({"MaxItems": "120"})[2])
        self.assertEqual(len(first["FileSystems"]), 100)
        second = json.loads(efs._describe_file_systems({"Marker": first["NextMarker"]})[2])
        self.assertNotIn("NextMarker", second)
        found = {system["FileSystemId"] for answer in (first, second) for system in answer["FileSystems"]}
        self.assertEqual(len(found), 150)
        self.assertEqual(efs._describe_file_systems({"FileSystemId": "elsewhere"})[0], 404)

    def test_access_points_come_in_pages(self):
        for number in range(250):
            self.create(f"token-{number}")
        found, query = [], {"FileSystemId": "fs-1"}
        while True:
            answer = json.loads(efs._describe_access_points(query)[2])
            found += [point["AccessPointId"] for point in answer["AccessPoints"]]
            if "NextToken" not in answer:
                break
            query["NextToken"] = answer["NextToken"]
        self.assertEqual(len(set(found)), 250)

    def test_a_deletion_between_two_pages_hides_nothing(self):
        for number in range(150):
            self.create(f"token-{number}")
        first = json.loads(efs._describe_access_points({"FileSystemId": "fs-1"})[2])
        del efs._access_points[first["AccessPoints"][0]["AccessPointId"]]
        second = json.loads(efs._describe_access_points({"FileSystemId": "fs-1", "NextToken": first["NextToken"]})[2])
        self.assertEqual(len(second["AccessPoints"]), 50)

    def test_a_client_token_is_used_once(self):
        _, first = self.create("token")
        status, second = self.create("token")
        self.assertEqual((status, second["ErrorCode"]), (409, "AccessPointAlreadyExists"))
        self.assertEqual(second["AccessPointId"], first["AccessPointId"])
