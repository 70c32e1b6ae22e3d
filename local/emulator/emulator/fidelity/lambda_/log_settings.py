"""How functions write their logs."""

import queue
import time

from ministack.core import lambda_runtime
from ministack.services import lambda_svc

from emulator.mend import wraps

# In seconds.
_QUIET = 0.002


@wraps(lambda_svc, "_provided_worker_env")
def functions_know_their_log_format(provided_worker_env, config, code_dir, port):
    """AWS: tells a function by its environment in which format and to which group it logs. MiniStack: does not, and
    text is in the log where there should be JSON.
    """
    environment = provided_worker_env(config, code_dir, port)
    logging = config.get("LoggingConfig") or {}
    environment["AWS_LAMBDA_LOG_FORMAT"] = logging.get("LogFormat") or "Text"
    environment["AWS_LAMBDA_LOG_GROUP_NAME"] = logging.get("LogGroup") or f"/aws/lambda/{config['FunctionName']}"
    if logging.get("ApplicationLogLevel"):
        environment["AWS_LAMBDA_LOG_LEVEL"] = logging["ApplicationLogLevel"]
    return environment


@wraps(lambda_runtime.Worker, "_drain_stderr_bounded")
def an_answer_hardly_waits_for_the_log(_original, worker, first_line_wait=0.05, idle_confirm=_QUIET, hard_cap=0.25):
    """AWS: answers as soon as the function has. MiniStack: looks every millisecond whether the function goes on
    logging, until it has been quiet for five, and each look waits for its turn among all the threads.
    """
    lines, wait, deadline = [], first_line_wait, time.monotonic() + hard_cap
    try:
        while time.monotonic() < deadline:
            # That of runtime_api.py would wait for longer.
            lines.append(queue.Queue.get(worker._stderr_queue, timeout=wait))
            wait = idle_confirm
    except queue.Empty:
        pass
    return "\n".join(lines)
