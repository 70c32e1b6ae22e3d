"""What one call lists or describes."""

import json
import sys

from ministack.core.responses import error_response_json, json_response
from ministack.services import ecs

from emulator.fidelity.pages import page_of
from emulator.mend import wraps

_LARGEST_PAGE = 100


def _by_number(arn):
    """Sorts task definitions by family, and the revisions of a family by number and not as text."""
    family, _, number = arn.rpartition("/")[2].rpartition(":")
    return family, int(number)


def _family_of(arn):
    return arn.rpartition("/")[2].rpartition(":")[0]


@wraps(ecs, "_list_task_definitions", ecs._ACTION_MAP)
def task_definitions_are_listed_by_the_whole_name_of_their_family(list_task_definitions, data):
    """AWS: the parameter familyPrefix of this call is the full name of a family.

    MiniStack: also lists the families whose names begin with it, as ListTaskDefinitionFamilies does.
    """
    status, headers, body = list_task_definitions(data)
    family = data.get("familyPrefix")
    if status != 200 or not family:
        return status, headers, body
    answer = json.loads(body)
    arns = [arn for arn in answer["taskDefinitionArns"] if _family_of(arn) == family]
    return json_response({**answer, "taskDefinitionArns": arns})


def lists_come_in_pages(name, element, size, key=str):
    """AWS: gives pages of at most maxResults, which is 100 at most, with a nextToken.

    MiniStack: gives everything at once, or pages that skip entries when an entry of an earlier page has been deleted.
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
    ("_list_task_definitions", "taskDefinitionArns", 100, _by_number),
    ("_list_task_definition_families", "families", 100),
):
    lists_come_in_pages(*_list)


def a_call_names_no_more_than_allowed(name, parameter, called, most):
    """AWS: refuses a call that names more than `most` resources with InvalidParameterException.

    MiniStack: accepts any number.
    """

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
    a_call_names_no_more_than_allowed(*_named)
