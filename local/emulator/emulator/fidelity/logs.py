"""CloudWatch Logs."""

import json

from ministack.core.responses import error_response_json, new_uuid
from ministack.services import cloudwatch_logs
from ministack.services.cloudformation import provisioners

from emulator.mend import wraps

_MOST_EVENTS, _MOST_GROUPS = 10_000, 50


@wraps(cloudwatch_logs, "_filter_log_events")
def filtered_events_come_in_pages(filter_log_events, data):
    """AWS: a page that is full comes with a nextToken.

    MiniStack: gives the oldest 10,000 events, and no token for the others.
    """
    # The token: the time of the last event of the page before, and how many events of that millisecond it had.
    since, seen = data.get("startTime"), 0
    if data.get("nextToken"):
        since, seen = (int(part) for part in data["nextToken"].split(":"))
    size = min(data.get("limit") or _MOST_EVENTS, _MOST_EVENTS - seen)
    request = {**data, "limit": size + seen}
    if since is not None:
        request["startTime"] = since
    status, headers, body = filter_log_events(request)
    if status != 200:
        return status, headers, body
    answer = json.loads(body)
    found = answer["events"]
    if len(found) == size + seen:
        last = found[-1]["timestamp"]
        answer["nextToken"] = f"{last}:{sum(event['timestamp'] == last for event in found)}"
    answer["events"] = found[seen:]
    return status, headers, json.dumps(answer).encode()


@wraps(cloudwatch_logs, "_describe_log_groups")
def groups_come_in_pages(describe_log_groups, data):
    """AWS: gives pages of at most limit, which is 50 at most, else InvalidParameterException. A deletion between two
    pages hides nothing from the second.

    MiniStack: accepts any limit. Its token is the number of groups on the pages before, so that a deletion hides one.
    """
    if not 1 <= (data.get("limit") or _MOST_GROUPS) <= _MOST_GROUPS:
        reason = f"'{data['limit']}' at 'limit' must be between 1 and {_MOST_GROUPS}"
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


def _query_definition_create(logical_id, props, _stack_name):
    for group in props.get("LogGroupNames") or []:
        if group not in cloudwatch_logs._log_groups:
            raise ValueError(f"AWS::Logs::QueryDefinition {logical_id}: the log group {group} does not exist.")
    for key in ("Name", "QueryString"):
        if not props.get(key):
            raise ValueError(f"AWS::Logs::QueryDefinition {logical_id}: {key} is required.")
    identifier = new_uuid()
    return identifier, {"QueryDefinitionId": identifier}


def _query_definition_update(physical_id, _old_props, new_props, stack_name):
    _query_definition_create(physical_id, new_props, stack_name)
    return physical_id, {"QueryDefinitionId": physical_id}


def _query_definition_delete(_physical_id, _props):
    pass


# AWS: keeps queries of Logs Insights, for people. MiniStack: does not know this type of CloudFormation. Here a query is
# checked and not kept.
provisioners._RESOURCE_HANDLERS["AWS::Logs::QueryDefinition"] = {
    "create": _query_definition_create,
    "update": _query_definition_update,
    "delete": _query_definition_delete,
}
