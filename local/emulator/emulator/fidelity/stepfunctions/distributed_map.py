"""The Distributed Map state in JSONata.

Sources: the Step Functions guide, "ItemReader (Map)", "ResultWriter (Map)" and "IAM policies for using Distributed Map
states". The emulator refuses what it does not have: ItemBatcher, readers of anything but one object in S3, and results
as JSON Lines. It does not stop a Map Run early when more children have failed than is tolerated.
"""

import contextvars
import json
import threading
from concurrent.futures import ThreadPoolExecutor

from ministack.core.responses import get_region, new_uuid, now_iso
from ministack.services import s3
from ministack.services import stepfunctions as sfn

from emulator.fidelity.stepfunctions.data_limits import require_room
from emulator.fidelity.stepfunctions.task_states import refusal
from emulator.mend import wraps

_READER, _WRITER = "arn:aws:states:::s3:getObject", "arn:aws:states:::s3:putObject"
_MOST_THREADS = 64
_COUNTS = (
    "pending", "running", "succeeded", "failed", "timedOut", "aborted", "total", "resultsWritten",
    "failuresNotRedrivable", "pendingRedrive",
)  # fmt: skip


def _require_own_bucket(name, error):
    """Fails the state, as AWS does, unless the bucket is in the account and region of the state machine."""
    bucket = s3._buckets.get(name)
    if bucket is None or (bucket.get("region") or get_region()) != get_region():
        raise sfn._ExecutionError(error, f"The bucket '{name}' does not exist in this account and region")


def _items(state, data, execution, context):
    """The array that the state maps over: an object of S3, the field Items, or the state's input."""
    reader = state.get("ItemReader")
    if not reader:
        if "Items" in state:
            return sfn._jsonata_state_field(state, "Items", "array", data, context)
        if not isinstance(data, list):
            raise sfn._ExecutionError("States.Runtime", "The input of a Map state without Items must be an array")
        return data
    if reader.get("Resource") != _READER:
        raise sfn._ExecutionError("States.Runtime", f"The emulator does not read by {reader.get('Resource')}")
    failed = "States.ItemReaderFailed"
    arguments, config = (
        sfn._apply_jsonata_template(reader.get(field) or {}, data, context) for field in ("Arguments", "ReaderConfig")
    )
    bucket, key = arguments.get("Bucket"), arguments.get("Key")
    refused = refusal(execution, "s3:GetObject", f"arn:aws:s3:::{bucket}/{key}")
    if refused:
        raise sfn._ExecutionError(failed, refused)
    _require_own_bucket(bucket, failed)
    try:
        items = sfn._parse_reader_items(sfn._s3_object_text(bucket, key), config)
    except (ValueError, LookupError, TypeError) as error:
        raise sfn._ExecutionError(failed, f"s3://{bucket}/{key} is not {config.get('InputType')}: {error}") from error
    if not isinstance(items, list):
        raise sfn._ExecutionError(
            failed, f"s3://{bucket}/{key} is not an array: attempting to map over a non-iterable node"
        )
    return items[: int(config["MaxItems"])] if config.get("MaxItems") else items


def _input(state, data, context, index, item):
    """The input of the child execution for an item."""
    if "ItemSelector" in state:
        context = {**context, "Map": {"Item": {"Index": index, "Value": item}}}
        item = sfn._apply_jsonata_template(state["ItemSelector"], data, context)
    return require_room(item, context["State"]["Name"])


def _described(child):
    """A child execution in the form that the files of results have."""
    status = child["status"]
    described = {
        "ExecutionArn": child["executionArn"],
        "Input": child["input"],
        "InputDetails": {"Included": True},
        "Name": child["name"],
        "OutputDetails": {"Included": True},
        "RedriveCount": 0,
        "RedriveStatus": "NOT_REDRIVABLE" if status == "SUCCEEDED" else "REDRIVABLE",
        "StartDate": child["startDate"],
        "StateMachineArn": child["stateMachineArn"],
        "Status": status,
        "StopDate": child["stopDate"],
    }
    if status == "SUCCEEDED":
        reason = "Execution is SUCCEEDED and cannot be redriven"
        return {**described, "Output": child["output"], "RedriveStatusReason": reason}
    return {**described, "Error": child.get("error"), "Cause": child.get("cause")}


def _transformed(children, transformation):
    """The results of child executions. One that failed is described in full under any transformation."""
    results = []
    for child in children:
        if child["status"] != "SUCCEEDED" or transformation == "NONE":
            results.append(_described(child))
            continue
        output = json.loads(child["output"])
        if transformation == "FLATTEN" and isinstance(output, list):
            results += output
        else:
            results.append(output)
    return results


def _write_results(writer, ended, execution, run):
    """Exports the results of a Map Run, and gives the result of the state."""
    failed = "States.ResultWriterFailed"
    bucket, prefix = writer["Arguments"].get("Bucket"), str(writer["Arguments"].get("Prefix") or "").rstrip("/")
    directory = "/".join(filter(None, (prefix, run["mapRunArn"].rpartition(":")[2])))

    def put(name, content):
        key, body = f"{directory}/{name}", json.dumps(content).encode()
        refused = refusal(execution, "s3:PutObject", f"arn:aws:s3:::{bucket}/{key}")
        if refused:
            raise sfn._ExecutionError(failed, refused)
        _require_own_bucket(bucket, failed)
        status, _, answer = s3._put_object(bucket, key, body, {"content-type": "application/json"})
        if status != 200:
            raise sfn._ExecutionError(failed, f"writing s3://{bucket}/{key}: {answer!r}")
        return {"Key": key, "Size": len(body)}

    files = {"FAILED": [], "PENDING": [], "SUCCEEDED": []}
    for kind in ("SUCCEEDED", "FAILED"):
        children = [child for child in ended if (child["status"] == "SUCCEEDED") == (kind == "SUCCEEDED")]
        if children:
            files[kind].append(put(f"{kind}_0.json", _transformed(children, writer["Transformation"])))
    manifest = {"DestinationBucket": bucket, "MapRunArn": run["mapRunArn"], "ResultFiles": files}
    written = put("manifest.json", manifest)
    for counts in (run["itemCounts"], run["executionCounts"]):
        counts["resultsWritten"] = len(ended)
    return {"MapRunArn": run["mapRunArn"], "ResultWriterDetails": {"Bucket": bucket, "Key": written["Key"]}}


def _writer(state, data, context):
    """The state's ResultWriter, evaluated; None if it has none."""
    writer = state.get("ResultWriter")
    if not writer:
        return None
    config = writer.get("WriterConfig") or {}
    if writer.get("Resource") not in (None, _WRITER) or config.get("OutputType", "JSON") != "JSON":
        raise sfn._ExecutionError("States.Runtime", "The emulator writes results as JSON to S3, and in no other way")
    exported = "Resource" in writer
    return {
        "Exported": exported,
        "Arguments": sfn._apply_jsonata_template(writer.get("Arguments") or {}, data, context),
        "Transformation": config.get("Transformation", "NONE" if exported else "COMPACT"),
    }


def _child_machine(state, processor, execution, context):
    """Registers the state machine of a Map Run's children, whose name ends with the state's label."""
    parent = sfn._state_machines[execution["stateMachineArn"]]
    label = state.get("Label") or new_uuid()
    definition = {
        "QueryLanguage": context["QueryLanguage"],
        "StartAt": processor["StartAt"],
        "States": processor["States"],
    }
    machine = {
        **parent,
        "stateMachineArn": f"{execution['stateMachineArn']}/{label}",
        "name": f"{parent['name']}/{label}",
        "definition": json.dumps(definition),
    }
    sfn._state_machines[machine["stateMachineArn"]] = machine
    return machine


def _require_permission_to_start(execution):
    """Fails the state, as AWS does, unless the role may start executions of its own state machine and describe them."""
    machine = execution["stateMachineArn"]
    described = machine.replace(":stateMachine:", ":execution:") + ":0"
    for action, arn in (("states:StartExecution", machine), ("states:DescribeExecution", described)):
        refused = refusal(execution, action, arn)
        if refused:
            raise sfn._ExecutionError("StepFunctions.AWSStepFunctionsException", refused)


def _run_children(machine, inputs, concurrency, execution, run):
    """Runs one child execution for each input. None starts after the parent has ended.

    Gives the children twice: in the order of the inputs, and in the order in which they ended.
    """
    children, ended, lock = [None] * len(inputs), [], threading.Lock()

    def counted(before, after):
        for counts in (run["itemCounts"], run["executionCounts"]):
            counts[before] -= 1
            counts[after] += 1

    def run_child(index):
        name, started, text = new_uuid(), now_iso(), json.dumps(inputs[index])
        details = {"input": text, "roleArn": machine["roleArn"]}
        child = {
            "executionArn": f"{machine['stateMachineArn'].replace(':stateMachine:', ':execution:')}:{name}",
            "stateMachineArn": machine["stateMachineArn"],
            "mapRunArn": run["mapRunArn"],
            "name": name,
            "status": "RUNNING",
            "startDate": started,
            "stopDate": None,
            "input": text,
            "inputDetails": {"included": True},
            "output": None,
            "outputDetails": {"included": True},
            "testCase": "",
            "mockAttempts": {},
            "events": [
                {"id": 1, "type": "ExecutionStarted", "timestamp": started, "executionStartedEventDetails": details}
            ],
        }
        with lock:
            if execution["status"] != "RUNNING":
                return
            children[index] = sfn._executions[child["executionArn"]] = child
            counted("pending", "running")
        sfn._emit_execution_status_event(child)
        sfn._run_execution(child["executionArn"])
        with lock:
            ended.append(child)
            counted("running", child["status"].lower())

    with ThreadPoolExecutor(max_workers=concurrency or min(len(inputs), _MOST_THREADS) or 1) as pool:
        running = [pool.submit(contextvars.copy_context().run, run_child, index) for index in range(len(inputs))]
    for future in running:
        future.result()
    return children, ended


@wraps(sfn, "_run_distributed_map")
def a_distributed_map_is_a_map_run(run_distributed_map, state, data, effective, processor, execution, context):
    """AWS: evaluates the fields of the state, runs each item as an execution with a context, a history and variables of
    its own, and exports the results.

    MiniStack: does not evaluate the fields, shares the context and the variables of the parent among the children,
    keeps no history of them, and exports nothing.
    """
    if sfn._state_query_language(state, context) != "JSONata":
        return run_distributed_map(state, data, effective, processor, execution, context)
    if "ItemBatcher" in state:
        raise sfn._ExecutionError("States.Runtime", "The emulator has no ItemBatcher")

    def number(field):
        return sfn._jsonata_state_field(state, field, "number", data, context) if field in state else 0

    concurrency = int(number("MaxConcurrency"))
    percentage, count = number("ToleratedFailurePercentage"), number("ToleratedFailureCount")
    writer = _writer(state, data, context)
    items = _items(state, data, execution, context)
    inputs = [_input(state, data, context, index, item) for index, item in enumerate(items)]
    _require_permission_to_start(execution)
    machine = _child_machine(state, processor, execution, context)
    counts = {**dict.fromkeys(_COUNTS, 0), "total": len(items), "pending": len(items)}
    run = {
        "mapRunArn": f"{machine['stateMachineArn'].replace(':stateMachine:', ':mapRun:')}:{new_uuid()}",
        "executionArn": execution["executionArn"],
        "status": "RUNNING",
        "startDate": now_iso(),
        "maxConcurrency": concurrency,
        "toleratedFailurePercentage": percentage,
        "toleratedFailureCount": count,
        "itemCounts": dict(counts),
        "executionCounts": counts,
        "redriveCount": 0,
        "_stateMachineArn": machine["stateMachineArn"],
    }
    sfn._map_runs[run["mapRunArn"]] = run
    sfn._add_event(execution, "MapStateStarted", {"mapStateStartedEventDetails": {"length": len(items)}})
    sfn._add_event(execution, "MapRunStarted", {"mapRunStartedEventDetails": {"mapRunArn": run["mapRunArn"]}})
    children, ended = _run_children(machine, inputs, concurrency, execution, run)
    run["stopDate"] = now_iso()
    if execution["status"] != "RUNNING":
        run["status"] = "ABORTED"
        sfn._add_event(execution, "MapRunAborted")
        return data, sfn._next_or_end(state)

    failures = sum(child["status"] != "SUCCEEDED" for child in ended)
    limits = [failures > count] if "ToleratedFailureCount" in state else []
    if "ToleratedFailurePercentage" in state:
        limits.append(failures * 100 > percentage * len(items))
    try:
        if writer and writer["Exported"]:
            result = _write_results(writer, ended, execution, run)
        else:
            result = _transformed(children, writer["Transformation"] if writer else "COMPACT")
        if failures and (any(limits) or not limits):
            cause = "The specified tolerated failure threshold was exceeded"
            raise sfn._ExecutionError("States.ExceedToleratedFailureThreshold", cause)
    except sfn._ExecutionError as error:
        run["status"] = "FAILED"
        details = {"error": error.error, "cause": error.cause}
        sfn._add_event(execution, "MapRunFailed", {"mapRunFailedEventDetails": details})
        raise
    run["status"] = "SUCCEEDED"
    sfn._add_event(execution, "MapRunSucceeded")
    sfn._add_event(execution, "MapStateSucceeded")
    output = sfn._apply_jsonata_output(state, data, context, result=result, default=result)
    sfn._apply_state_assign(state, data, context, result=result)
    return output, sfn._next_or_end(state)


@wraps(sfn, "_list_state_machines")
def a_map_run_is_not_listed_as_a_state_machine(list_state_machines, request):
    """Completes `a_distributed_map_is_a_map_run`: the state machine of its children is not listed."""
    status, _, body = list_state_machines(request)
    answer = json.loads(body)
    answer["stateMachines"] = [machine for machine in answer["stateMachines"] if "/" not in machine["name"]]
    return sfn.json_response(answer, status)


@wraps(sfn, "_stop_execution")
def a_stopped_execution_stops_its_map_runs(stop_execution, request):
    """AWS: when an execution is stopped, the children of its Map Runs are stopped too.

    MiniStack: lets them run on.
    """
    answer = stop_execution(request)
    stopped = sfn._executions.get(request.get("executionArn"))
    if answer[0] == 200 and stopped["status"] == "ABORTED":
        runs = {run["mapRunArn"] for run in sfn._map_runs.values() if run["executionArn"] == stopped["executionArn"]}
        for child in list(sfn._executions.values()):
            if child.get("mapRunArn") in runs and child["status"] == "RUNNING":
                stop_execution({"executionArn": child["executionArn"], "cause": "The Map Run was aborted"})
    return answer
