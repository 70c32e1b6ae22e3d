"""Runs MiniStack, with the differences from AWS mended that would hide a mistake of this project."""

import importlib.metadata
import sys

# Each mends one service when it is imported.
import asynchronous_invocation  # noqa: F401
import container_service
import container_service_lists  # noqa: F401
import cross_account  # noqa: F401
import distributed_map  # noqa: F401
import domain_names  # noqa: F401
import ends_of_executions  # noqa: F401
import event_delivery  # noqa: F401
import executions  # noqa: F401
import file_system  # noqa: F401
import function_credentials  # noqa: F401
import function_logs  # noqa: F401
import load_balancing  # noqa: F401
import load_balancing_descriptions  # noqa: F401
import log_events  # noqa: F401
import log_groups  # noqa: F401
import monitoring  # noqa: F401
import object_storage  # noqa: F401
import permissions  # noqa: F401
import roles  # noqa: F401
import run_task  # noqa: F401
import runtime_api
import secret_lists  # noqa: F401
import server  # noqa: F401
import service_scheduler  # noqa: F401
import state_machines  # noqa: F401
import task_end  # noqa: F401
import task_start  # noqa: F401
import traces  # noqa: F401
from ministack import app

MINISTACK = "1.5.33"


def main():
    """Serves until it is told to stop."""
    version = importlib.metadata.version("ministack")
    if version != MINISTACK:
        sys.exit(f"the emulator is written for MiniStack {MINISTACK}, and {version} is installed: run `make setup`")
    container_service.containers_can_fail()
    runtime_api.an_answer_is_sent_at_once()
    runtime_api.threads_sleep_until_there_is_something()
    # MiniStack reads its own command line.
    sys.argv = ["ministack"]
    app.main()


if __name__ == "__main__":
    main()
