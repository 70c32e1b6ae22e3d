"""Elastic File System."""

import json
import sys

from ministack.core.responses import get_account_id, get_region
from ministack.services import efs

from emulator.fidelity.pages import page_of
from emulator.mend import wraps

_LARGEST_PAGE = 100
# Stands for the id of the key that AWS keeps for EFS in each account.
_AWS_KEY = "00000000-0000-0000-0000-000000000000"


@wraps(efs, "_describe_file_systems")
def file_systems_come_in_pages(describe_file_systems, query):
    """AWS: gives pages of at most MaxItems, and never more than 100, with a NextMarker.

    MiniStack: gives the first ones, and no marker.
    """
    size = min(int(query.get("MaxItems") or _LARGEST_PAGE), _LARGEST_PAGE)
    status, headers, body = describe_file_systems({**query, "MaxItems": sys.maxsize})
    if status != 200:
        return status, headers, body
    found = {one["FileSystemId"]: one for one in json.loads(body)["FileSystems"]}
    page, marker = page_of(found, size, query.get("Marker"))
    answer = {"FileSystems": [found[name] for name in page]}
    return efs._json(status, {**answer, "NextMarker": marker} if marker else answer)


@wraps(efs, "_describe_access_points")
def access_points_come_in_pages(describe_access_points, query):
    """AWS: gives pages of at most MaxResults, which is 100 if missing, with a NextToken. An unknown id is
    AccessPointNotFound. A deletion between two pages hides nothing from the second.

    MiniStack: gives the first 100 and no token, and an empty list for an unknown id.
    """
    size = int(query.get("MaxResults") or _LARGEST_PAGE)
    status, _, body = describe_access_points({**query, "MaxResults": sys.maxsize})
    found = {one["AccessPointId"]: one for one in json.loads(body)["AccessPoints"]}
    if query.get("AccessPointId") and not found:
        return efs._error(404, "AccessPointNotFound", f"Access point '{query['AccessPointId']}' does not exist.")
    page, token = page_of(found, size, query.get("NextToken"))
    answer = {"AccessPoints": [found[name] for name in page]}
    return efs._json(status, {**answer, "NextToken": token} if token else answer)


@wraps(efs, "_create_access_point")
def a_client_token_is_used_once(create_access_point, body):
    """AWS: a ClientToken that has been used is AccessPointAlreadyExists, with the id of the access point.

    MiniStack: makes another access point.
    """
    token = body.get("ClientToken")
    for access_point in efs._access_points.values():
        if token and access_point["ClientToken"] == token:
            status, headers, text = efs._error(409, "AccessPointAlreadyExists", "Access point already exists.")
            answer = {**json.loads(text), "AccessPointId": access_point["AccessPointId"]}
            return status, headers, json.dumps(answer).encode()
    return create_access_point(body)


@wraps(efs, "_fs_response")
def an_encrypted_file_system_names_its_key(fs_response, file_system):
    """AWS: gives the ARN of an encrypted file system's key, which is AWS's own if none was chosen. A file system that
    is not encrypted has no member KmsKeyId.

    MiniStack: gives an empty text.
    """
    answer = fs_response(file_system)
    if not answer.get("KmsKeyId"):
        answer.pop("KmsKeyId", None)
        if answer.get("Encrypted"):
            answer["KmsKeyId"] = f"arn:aws:kms:{get_region()}:{get_account_id()}:key/{_AWS_KEY}"
    return answer


@wraps(efs, "_error")
def an_error_is_as_in_the_model(error, *arguments):
    """AWS: an error has the members ErrorCode and Message.

    MiniStack: repeats the code in a third one.
    """
    status, headers, body = error(*arguments)
    answer = json.loads(body)
    answer.pop("error", None)
    return status, headers, json.dumps(answer).encode()


@wraps(efs, "_create_access_point")
def an_access_point_without_a_user_has_no_member_for_it(create_access_point, body):
    """AWS: leaves out PosixUser if none was given.

    MiniStack: gives an empty one, which is not in the model.
    """
    status, headers, text = create_access_point(body)
    answer = json.loads(text)
    if answer.get("PosixUser") == {}:
        del answer["PosixUser"], efs._access_points[answer["AccessPointId"]]["PosixUser"]
    return status, headers, json.dumps(answer).encode()
