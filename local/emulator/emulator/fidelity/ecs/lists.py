"""What Elastic Container Service lists and describes at once, as AWS has it."""

import json
import sys

from ministack.core.responses import error_response_json, json_response
from ministack.services import ecs

from emulator.fidelity.pages import page_of
from emulator.mend import wraps

_LARGEST_PAGE = 100


def _revision(arn):
    """Orders task definitions: by family, and by number within one."""
    family, _, number = arn.rpartition("/")[2].rpartition(":")
    return family, int(number)


def lists_come_in_pages(name, element, size, key=str):
    """AWS: pages of at most maxResults, which is 100 at most, with a nextToken. MiniStack: everything at once, or pages
    that miss something when what was on an earlier one is gone meanwhile.
    """

    @wraps(ecs, name, ecs._ACTION_MAP)
    def paged(original, data):
        limit = int(data.get("maxResults") or size)
        if not 1 <= limit <= _LARGEST_PAGE:
            reason = f"maxResults must be between 1 and {_LARGEST_PAGE}"
            return error_response_json("InvalidParameterException", reason, 400)
        status, headers, body = original({**data, "maxResults": sys.maxsize, "nextToken": None})
        if status != 200:
            return status, headers, body
        found, reverse = json.loads(body)[element], data.get("sort") == "DESC"
        page, token = page_of(found, limit, data.get("nextToken"), key, reverse)
        return json_response({element: page, "nextToken": token} if token else {element: page})


for _list in (
    ("_list_services", "serviceArns", 10),
    ("_list_tasks", "taskArns", 100),
    ("_list_task_definitions", "taskDefinitionArns", 100, _revision),
    ("_list_task_definition_families", "families", 100),
):
    lists_come_in_pages(*_list)


def so_many_are_named_at_once(name, parameter, called, most):
    """AWS: InvalidParameterException for more names in one call than that. MiniStack: takes any number."""

    @wraps(ecs, name, ecs._ACTION_MAP)
    def checked(original, data):
        if len(data.get(parameter) or []) > most:
            reason = f"{called} can have at most {most} items."
            return error_response_json("InvalidParameterException", reason, 400)
        return original(data)


for _named in (
    ("_describe_services", "services", "service names", 10),
    ("_describe_tasks", "tasks", "taskIds", 100),
    ("_describe_clusters", "clusters", "clusters", 100),
    ("_delete_task_definitions", "taskDefinitions", "taskDefinitions", 10),
):
    so_many_are_named_at_once(*_named)
