"""Traces: which requests belong together, as X-Ray shows them."""

import contextvars
import re
import secrets
import time

from ministack.services import lambda_svc
from ministack.services import stepfunctions as sfn

from emulator.mend import wraps

# The root of the trace that this thread's execution belongs to.
_root = contextvars.ContextVar("root", default=None)


def _new_root():
    return f"Root=1-{int(time.time()):08x}-{secrets.token_hex(12)}"


@wraps(sfn, "_start_execution")
def an_execution_belongs_to_a_trace(start_execution, request):
    """AWS: an execution belongs to the trace that its start names, else to that of its parent, else to a new one.

    MiniStack: executions belong to no trace.
    """
    named = re.search("Root=[^;]+", request.get("traceHeader") or "")
    root = _root.set(named.group() if named else _root.get() or _new_root())
    try:
        # The thread of the execution starts with a copy of this context.
        return start_execution(request)
    finally:
        _root.reset(root)


@wraps(lambda_svc, "_xray_trace_id_for_invocation")
def a_function_belongs_to_the_trace_of_its_execution(trace_id_for_invocation, config, inbound_trace_header=None):
    """AWS: a state machine hands its trace to the functions that it invokes.

    MiniStack: each invocation begins a new trace.
    """
    root = _root.get()
    if root is None:
        return trace_id_for_invocation(config, inbound_trace_header)
    return f"{root};Parent={secrets.token_hex(8)};Sampled=1"
