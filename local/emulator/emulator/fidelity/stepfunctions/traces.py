"""The traces of executions."""

import contextvars
import re
import secrets
import time

from ministack.services import lambda_svc
from ministack.services import stepfunctions as sfn

from emulator.mend import wraps

# The root of the trace that the execution here belongs to.
_root = contextvars.ContextVar("root", default=None)


def _new_root():
    return f"Root=1-{int(time.time()):08x}-{secrets.token_hex(12)}"


@wraps(sfn, "_start_execution")
def an_execution_belongs_to_a_trace(start_execution, request):
    """AWS: an execution belongs to the trace that its start names, a nested one to its parent's, any other to one of
    its own. MiniStack: knows no traces of executions.
    """
    named = re.search("Root=[^;]+", request.get("traceHeader") or "")
    root = _root.set(named.group() if named else _root.get() or _new_root())
    try:
        # The execution's thread starts with a copy of this context.
        return start_execution(request)
    finally:
        _root.reset(root)


@wraps(lambda_svc, "_xray_trace_id_for_invocation")
def a_function_belongs_to_its_executions_trace(trace_id_for_invocation, config, inbound_trace_header=None):
    """AWS: a state machine passes its trace on to the functions that it invokes. MiniStack: each invocation begins a
    trace of its own.
    """
    root = _root.get()
    if root is None:
        return trace_id_for_invocation(config, inbound_trace_header)
    return f"{root};Parent={secrets.token_hex(8)};Sampled=1"
