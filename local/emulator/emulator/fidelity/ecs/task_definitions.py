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
