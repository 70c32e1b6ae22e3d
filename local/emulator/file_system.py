"""Elastic File System, as AWS has it."""

import json
import sys

from mend import wraps
from ministack.services import efs


@wraps(efs, "_describe_access_points")
def access_points_come_in_pages(describe_access_points, query):
    """AWS: pages of at most MaxResults (100) with a NextToken, and AccessPointNotFound for an unknown id.
    MiniStack: the first 100 and no token, and an empty list."""
    size, start = int(query.get("MaxResults") or 100), int(query.get("NextToken") or 0)
    status, headers, body = describe_access_points({**query, "MaxResults": sys.maxsize})
    found = json.loads(body)["AccessPoints"]
    if query.get("AccessPointId") and not found:
        return efs._error(404, "AccessPointNotFound", f"Access point '{query['AccessPointId']}' does not exist.")
    answer = {"AccessPoints": found[start : start + size]}
    if start + size < len(found):
        answer["NextToken"] = str(start + size)
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
