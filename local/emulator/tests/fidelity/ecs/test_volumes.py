"""Volumes on EFS, and who may mount them."""

import json
import os
import pathlib
import tempfile
from unittest import mock

from ministack.services import efs, iam

from emulator.fidelity.ecs import volumes
from emulator.fidelity.ecs.tasks import StartError
from support import RolesTestCase

# The test may have no right to give files to others.
OWNER = {"OwnerUid": os.getuid(), "OwnerGid": os.getgid(), "Permissions": "0750"}


class Volumes(RolesTestCase):
    def setUp(self):
        super().setUp()
        self.addCleanup(efs.reset)
        self.root = pathlib.Path(self.enterContext(tempfile.TemporaryDirectory()))
        self.enterContext(mock.patch.dict(os.environ, FILES_ROOT=str(self.root)))
        self.system = json.loads(efs._create_file_system({"CreationToken": "token"})[2])
        self.identifier = self.system["FileSystemId"]
        self.directory = self.root / self.identifier
        self.role = self.make_role("tenant")

    def access_point(self, path, **root):
        point = {"FileSystemId": self.identifier, "PosixUser": {"Uid": 33, "Gid": 34}}
        point["RootDirectory"] = {"Path": path, **root}
        return json.loads(efs._create_access_point(point)[2])

    def mount(self, point=None, iam="ENABLED", read_only=False, **config):
        """What a container sees of a volume that a task definition has."""
        authorization = {"accessPointId": point["AccessPointId"], "iam": iam} if point else {"iam": iam}
        config = {"fileSystemId": self.identifier, "authorizationConfig": authorization, **config}
        config = {"transitEncryption": "ENABLED", **config}
        definition = {"taskRoleArn": self.role, "volumes": [{"name": "files", "efsVolumeConfiguration": config}]}
        mounted = {"sourceVolume": "files", "containerPath": "/data", "readOnly": read_only}
        with mock.patch.object(volumes, "being_started", return_value=({"taskArn": "a/t"}, definition)):
            (found,) = volumes._mounts(definition, {"mountPoints": [mounted]})
        return found

    def refused(self, **options):
        with self.assertRaisesRegex(StartError, "^ResourceInitializationError: failed to invoke EFS utils"):
            self.mount(**options)

    def policy(self, *statements):
        policy = json.dumps({"Version": "2012-10-17", "Statement": statements})
        self.assertEqual(efs._put_file_system_policy(self.identifier, {"Policy": policy})[0], 200)

    def test_the_root_of_an_access_point_is_made_at_the_first_mount(self):
        point = self.access_point("/a/b", CreationInfo=OWNER)
        self.assertFalse(self.directory.exists())
        mount = self.mount(point)
        self.assertEqual((mount.source, mount.target, mount.owner), (self.directory / "a/b", "/data", (33, 34)))
        self.assertEqual((mount.source.stat().st_mode & 0o777, mount.read_only), (0o750, False))
        self.assertTrue(self.mount(point, read_only=True).read_only)

    def test_a_root_that_nobody_says_how_to_make_must_be_there(self):
        point = self.access_point("/a")
        self.refused(point=point)
        (self.directory / "a").mkdir(parents=True)
        self.assertEqual(self.mount(point).source, self.directory / "a")

    def test_what_a_volume_names_must_exist(self):
        self.refused(fileSystemId="fs-0")
        self.refused(rootDirectory="/none")
        self.refused(point={"AccessPointId": "fsap-0"})
        self.assertEqual(self.mount().source, self.directory)

    def test_links_and_parents_lead_nowhere(self):
        (self.root / "other").mkdir()
        self.directory.mkdir()
        (self.directory / "link").symlink_to(self.root / "other")
        for path in ("/link", "/link/sub", "/../other"):
            self.refused(point=self.access_point(path, CreationInfo=OWNER))
        self.assertEqual(list((self.root / "other").iterdir()), [])

    def test_without_a_policy_everyone_may_mount_who_is_not_denied(self):
        point, other = (self.access_point(path, CreationInfo=OWNER) for path in ("/a", "/b"))
        self.assertFalse(self.mount(point, iam="DISABLED").read_only)
        condition = {"StringNotEquals": {"elasticfilesystem:AccessPointArn": point["AccessPointArn"]}}
        self.deny(condition)
        self.assertFalse(self.mount(point).read_only)
        self.refused(point=other)
        # Nobody knows who that is.
        self.mount(other, iam="DISABLED")

    def deny(self, condition):
        denied = {"Effect": "Deny", "Action": "elasticfilesystem:Client*", "Resource": "*", "Condition": condition}
        self.role = self.make_role("tenant", ("elasticfilesystem:Client*", "*"))
        iam._roles["tenant"]["InlinePolicies"]["deny"] = json.dumps({"Version": "2012-10-17", "Statement": [denied]})

    def test_with_a_policy_nobody_may_mount_who_is_not_allowed(self):
        point = self.access_point("/a", CreationInfo=OWNER)
        refuses_strangers = {"StringNotLike": {"aws:PrincipalArn": "*:role/tenant"}}
        self.policy({"Effect": "Deny", "Principal": "*", "Action": "*", "Condition": refuses_strangers})
        self.refused(point=point, iam="DISABLED")
        self.refused(point=point)
        arn = self.system["FileSystemArn"]
        self.role = self.make_role("tenant", ("elasticfilesystem:ClientMount", arn))
        self.assertTrue(self.mount(point).read_only)
        self.role = self.make_role("tenant", *((f"elasticfilesystem:Client{may}", arn) for may in ("Mount", "Write")))
        self.assertFalse(self.mount(point).read_only)
        unencrypted = {"Bool": {"aws:SecureTransport": "false"}}
        self.policy({"Effect": "Deny", "Principal": "*", "Action": "*", "Condition": unencrypted})
        self.refused(point=point, transitEncryption="DISABLED")
        self.assertFalse(self.mount(point).read_only)
