"""CloudWatch Logs: how groups are listed."""

import json

from ministack.core.responses import error_response_json
from ministack.services import cloudwatch_logs

from emulator.mend import wraps

_LARGEST_PAGE = 50


@wraps(cloudwatch_logs, "_describe_log_groups")
def groups_come_in_pages(describe_log_groups, data):
    """AWS: pages of at most limit, which is 50 at most, else InvalidParameterException. A deletion between two pages
    hides nothing from the second. MiniStack: counts the groups that were on earlier pages, and takes any limit.
    """
    if not 1 <= (data.get("limit") or _LARGEST_PAGE) <= _LARGEST_PAGE:
        reason = f"'{data['limit']}' at 'limit' must be between 1 and {_LARGEST_PAGE}"
        return error_response_json("InvalidParameterException", reason, 400)
    request = {field: value for field, value in data.items() if field != "nextToken"}
    if data.get("nextToken"):
        prefix, pattern = data.get("logGroupNamePrefix") or "", (data.get("logGroupNamePattern") or "").lower()
        names = [name for name in cloudwatch_logs._log_groups if name.startswith(prefix) and pattern in name.lower()]
        earlier = sum(name <= data["nextToken"] for name in names)
        request["nextToken"] = cloudwatch_logs._encode_token(earlier)
    status, headers, body = describe_log_groups(request)
    answer = json.loads(body)
    if "nextToken" in answer:
        answer["nextToken"] = answer["logGroups"][-1]["logGroupName"]
    return status, headers, json.dumps(answer).encode()
