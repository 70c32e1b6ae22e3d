"""What is replaced in LocalStack's engine, and why.

- It evaluates JSONata with a Java library from Maven. Here the reference engine does it, which AWS uses as well.
- It calls the services of LocalStack. Here it calls those of the running stack.
- It imports parts of LocalStack that no state machine of this project uses. They need many packages, and Python 3.12.
- It waits as long as a definition says. Here the stack's WAIT_SCALE holds.
"""

import importlib
import json
import os
import sys
import threading
import types

from judges.jsonata_engine import Engine

_ENGINE = "localstack.services.stepfunctions"
_CLIENTS = f"{_ENGINE}.asl.utils.boto_client"


def before_it_is_imported():
    """Replace the modules. Must be called before the engine is imported."""
    _module("jpype", imports=_module("jpype.imports"))
    _module(f"{_ENGINE}.packages", jpype_jsonata_package=None)
    _module("localstack.services.events.utils", to_json_str=json.dumps)
    _module(
        f"{_ENGINE}.asl.component.state.state_execution.state_task.service.state_task_service_batch",
        StateTaskServiceBatch=None,
    )
    _module(_CLIENTS, boto_client_for=_client)

    jsonata = importlib.import_module(f"{_ENGINE}.asl.jsonata.jsonata")
    # It ends with this process.
    reference = Engine().__enter__()
    alone = threading.Lock()

    def evaluated(expression):
        with alone:
            answer = reference.evaluate(expression, {})
        if error := answer.get("error"):
            raise jsonata.JSONataException(error["code"], error["message"])
        return answer.get("value")

    jsonata.eval_jsonata_expression = evaluated
    jsonata.encode_jsonata_variable_declarations = _declarations
    functions = importlib.import_module(f"{_ENGINE}.asl.component.intrinsic.jsonata")
    functions.get_intrinsic_functions_declarations = lambda **_: ""

    waiting = importlib.import_module(f"{_ENGINE}.asl.component.state.state_wait.wait_function.wait_function")
    scale = float(os.environ.get("WAIT_SCALE", "0.1"))

    def wait(_function, env, wait_seconds):
        env.program_state_event.wait(wait_seconds * scale)

    waiting.WaitFunction._wait_interval = wait


def understood(definition):
    """Return the definition in the words that the engine's grammar knows.

    It lacks percentages without a decimal point, and the ResultWriter of a state in JSONata. AWS's guide has both:
    "Map state in Distributed mode" and "ResultWriter (Map)".
    """
    machine = json.loads(definition)
    for state in machine["States"].values():
        state.pop("ResultWriter", None)
        if "ToleratedFailurePercentage" in state:
            state["ToleratedFailurePercentage"] = float(state["ToleratedFailurePercentage"])
    return json.dumps(machine)


def clients(client_for):
    """Have the engine make its calls with the clients that `client_for(service, region)` returns."""
    sys.modules[_CLIENTS].boto_client_for_stack = client_for


def _client(service, region, **_):
    return sys.modules[_CLIENTS].boto_client_for_stack(service, region)


def _declarations(bindings):
    # LocalStack does not escape the quotation marks in a text. JSON is JSONata, too.
    # A time is what DescribeExecution answers.
    return "".join(f"{variable}:={json.dumps(value, default=str)};" for variable, value in bindings.items())


def _module(name, **members):
    module = types.ModuleType(name)
    vars(module).update(members)
    sys.modules[name] = module
    return module
