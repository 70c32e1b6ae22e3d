"""Volumes on EFS: directories of this machine, as access points show them.

A file system is a directory below FILES_ROOT with the file system's id as its name. Without that environment variable
no directory is made or mounted.
"""

import os
import pathlib
import stat

from ministack.services import ecs, efs

from emulator.containers.sandbox import Mount
from emulator.fidelity.ecs import mount_permissions
from emulator.fidelity.ecs.tasks import StartError, being_started
from emulator.mend import wraps


def _failed(message):
    return StartError(
        f"ResourceInitializationError: failed to invoke EFS utils commands to set up EFS volumes: stderr: {message}"
    )


def _mount(task, definition, volume, target, read_only):
    """The mount of a volume; None if the volume is not on EFS, or files are kept nowhere."""
    config, root = volume.get("efsVolumeConfiguration"), os.environ.get("FILES_ROOT")
    if not config or not root:
        return None
    file_system = efs._file_systems.get(config["fileSystemId"])
    if file_system is None:
        raise _failed(f'Failed to resolve "{config["fileSystemId"]}": check that your file system ID is correct')
    authorization = config.get("authorizationConfig") or {}
    point = _access_point(authorization.get("accessPointId"), file_system)
    role = definition.get("taskRoleArn") if authorization.get("iam") == "ENABLED" else None
    is_encrypted = config.get("transitEncryption") == "ENABLED"

    def may(action):
        return mount_permissions.may(action, task, role, file_system, point, is_encrypted)

    if not may("Mount"):
        raise _failed("b'mount.nfs4: access denied by server while mounting 127.0.0.1:/'")
    directory = pathlib.Path(root).absolute() / file_system["FileSystemId"]
    directory.mkdir(parents=True, exist_ok=True)
    source = _root_of(point, directory) if point else _inside(directory, config.get("rootDirectory") or "/")
    user = (point or {}).get("PosixUser")
    # EFS does everything in the name of this user, whoever asks. Here the files belong to that user; a change of the
    # owner is ignored where EFS refuses it; and root may do more than that user.
    owner = (int(user["Uid"]), int(user["Gid"])) if user else None
    return Mount(source, target, owner, read_only or not may("Write"))


def _access_point(identifier, file_system):
    if not identifier:
        return None
    point = efs._access_points.get(identifier)
    if point is None or point["FileSystemId"] != file_system["FileSystemId"]:
        raise _failed(f"b'mount.nfs4: access denied by server': there is no access point {identifier}")
    return point


def _inside(directory, path, creation_info=None):
    """The directory at a path of the file system. It is made with the owner and the mode of `creation_info`, if any.

    Links are not followed: a tenant could make one that leads to another's files.
    """
    for part in pathlib.PurePosixPath("/", path).parts[1:]:
        directory = directory / part
        if creation_info and not os.path.lexists(directory):
            _make(directory, creation_info)
        if part == ".." or not os.path.lexists(directory) or not stat.S_ISDIR(directory.lstat().st_mode):
            reason = f"mounting {path} failed, reason given by server: No such file or directory"
            raise _failed(f"b'mount.nfs4: {reason}'")
    return directory


def _make(directory, creation_info):
    directory.mkdir(exist_ok=True)
    directory.chmod(int(str(creation_info["Permissions"]), 8))
    if os.geteuid() == 0:
        os.chown(directory, int(creation_info["OwnerUid"]), int(creation_info["OwnerGid"]))


def _root_of(point, file_system):
    """AWS: the root of an access point is made when it is first mounted, if the access point says with which owner."""
    root = point.get("RootDirectory") or {}
    return _inside(file_system, root.get("Path") or "/", root.get("CreationInfo"))


def _mounts(definition, container):
    """What a container of the task that is being started sees of the file systems."""
    task, _ = being_started()
    volumes = {volume["name"]: volume for volume in definition.get("volumes") or []}
    for point in container.get("mountPoints") or []:
        volume = volumes.get(point.get("sourceVolume")) or {}
        mount = _mount(task, definition, volume, point["containerPath"], bool(point.get("readOnly")))
        if mount:
            yield mount


@wraps(ecs, "_build_run_kwargs")
def a_container_sees_its_volumes(build, container, definition, *rest):
    """AWS: mounts the task definition's EFS volumes, and makes an access point's root directory at the first mount. A
    task that may not or cannot mount a volume stops before its containers start.

    MiniStack: knows no volumes on EFS.
    """
    options = build(container, definition, *rest)
    # Parents first: a mount may be inside of another.
    options["mounts"] = sorted(_mounts(definition, container), key=lambda mount: len(mount.target))
    return options
