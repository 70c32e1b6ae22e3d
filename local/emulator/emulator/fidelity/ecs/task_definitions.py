"""Task definitions."""

import json

from ministack.core.responses import json_response
from ministack.services import ecs

from emulator.mend import wraps


@wraps(ecs, "_register_task_definition", ecs._ACTION_MAP)
def a_task_definition_has_only_what_was_registered(register_task_definition, data):
    """AWS: leaves out what a task definition does not have, such as pidMode.

    MiniStack: gives an empty text or null for it, which is no value of the API's model.
    """
    status, headers, body = register_task_definition(data)
    if status != 200:
        return status, headers, body
    answer = json.loads(body)
    key = "{family}:{revision}".format(**answer["taskDefinition"])
    ecs._task_defs[key] = {name: value for name, value in ecs._task_defs[key].items() if value not in ("", None)}
    return json_response({**answer, "taskDefinition": ecs._task_defs[key]})


_GONE = "The specified task definition does not exist. Specify a valid account, family, revision and try again."
_STILL_ACTIVE = "The specified task definition is still in ACTIVE status. Please deregister the target and try again."


@wraps(ecs, "_delete_task_definitions", ecs._ACTION_MAP)
def a_task_definition_that_cannot_be_deleted_has_awss_reason(delete_task_definitions, data):
    """AWS: says in a sentence that a task definition does not exist, and deletes none that is not deregistered.

    MiniStack: has a code of its own for the first, and deletes the second.
    """
    definitions = {
        arn: ecs._task_defs.get(ecs._resolve_td_delete_key(arn)) for arn in data.get("taskDefinitions") or []
    }
    active = [arn for arn, definition in definitions.items() if definition and definition.get("status") == "ACTIVE"]
    others = [arn for arn in definitions if arn not in active]
    status, headers, body = delete_task_definitions({**data, "taskDefinitions": others})
    if status != 200:
        return status, headers, body
    answer = json.loads(body)
    failures = [{**failure, "reason": _GONE} for failure in answer["failures"]]
    failures += [{"arn": arn, "reason": _STILL_ACTIVE} for arn in active]
    return json_response({**answer, "failures": failures})
