"""Elastic File System, as AWS has it."""

import json
import sys

from mend import wraps
from ministack.services import efs


@wraps(efs, "_describe_access_points")
def access_points_come_in_pages(describe_access_points, query):
    """AWS: pages of at most MaxResults (100) with a NextToken, and AccessPointNotFound for an unknown id. A deletion
    between two pages hides nothing from the second. MiniStack: the first 100 and no token, and an empty list."""
    size, last = int(query.get("MaxResults") or 100), query.get("NextToken") or ""
    status, headers, body = describe_access_points({**query, "MaxResults": sys.maxsize})
    found = json.loads(body)["AccessPoints"]
    if query.get("AccessPointId") and not found:
        return efs._error(404, "AccessPointNotFound", f"Access point '{query['AccessPointId']}' does not exist.")
    rest = sorted((one for one in found if one["AccessPointId"] > last), key=lambda one: one["AccessPointId"])
    answer = {"AccessPoints": rest[:size]}
    if size < len(rest):
        answer["NextToken"] = rest[size - 1]["AccessPointId"]
    return efs._json(status, answer)


@wraps(efs, "_create_access_point")
def a_client_token_is_used_once(create_access_point, body):
    """AWS: AccessPointAlreadyExists, with the id, for a ClientToken that has been used. MiniStack: another one."""
    token = body.get("ClientToken")
    for access_point in efs._access_points.values():
        if token and access_point["ClientToken"] == token:
            status, headers, text = efs._error(409, "AccessPointAlreadyExists", "Access point already exists.")
            answer = {**json.loads(text), "AccessPointId": access_point["AccessPointId"]}
            return status, headers, json.dumps(answer).encode()
    return create_access_point(body)
