"""CloudWatch Logs: how events are read."""

import json

from ministack.services import cloudwatch_logs

from emulator.mend import wraps

_LARGEST_PAGE = 10_000


@wraps(cloudwatch_logs, "_filter_log_events")
def filtered_events_come_in_pages(filter_log_events, data):
    """AWS: with a full page comes a nextToken. MiniStack: the oldest 10,000 events, and no way to the others."""
    # When the page before ended, and how many events of that millisecond it had.
    since, seen = data.get("startTime"), 0
    if data.get("nextToken"):
        since, seen = (int(part) for part in data["nextToken"].split(":"))
    size = min(data.get("limit") or _LARGEST_PAGE, _LARGEST_PAGE - seen)
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
