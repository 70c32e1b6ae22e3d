"""Elastic Container Service: hundreds of tasks cost as little as a few."""

import collections
import contextvars
import threading
import time

from ministack.services import ecs

from emulator.mend import wraps

# The containers of the task whose watch is being set up by this thread.
_containers = contextvars.ContextVar("containers", default=())


@wraps(ecs, "_watch_task_lifecycle")
def a_watch_knows_its_containers(watch, task, engine, account, region):
    """Prepares `a_watch_begins_when_a_container_ends`."""
    outer = _containers.set([engine.containers.get(container) for container in task.get("_docker_ids") or ()])
    try:
        return watch(task, engine, account, region)
    finally:
        _containers.reset(outer)


@wraps(ecs, "spawn_background")
def a_watch_begins_when_a_container_ends(spawn, function, *arguments, thread_name="ministack-background", **named):
    """MiniStack: a thread for each running task checks its containers ten times a second. With some hundreds of tasks
    this is most of MiniStack's work.

    Here the thread begins when one of the task's containers has ended.
    """

    def begin():
        spawn(function, *arguments, thread_name=thread_name, **named)

    containers = _containers.get() if thread_name.startswith("ministack-ecs-watch-") else ()
    for container in containers:
        container.when_ended(begin)
    if not containers:
        begin()


# How many seconds a task that has stopped can be described.
KEPT = 120

_stopped, _forgetting = collections.deque(), threading.Lock()


@wraps(ecs, "_mark_task_stopped")
def a_stopped_task_is_forgotten(mark_stopped, arn, *arguments, **named):
    """AWS: forgets a stopped task after about an hour.

    MiniStack: keeps every task, and searches all of them whenever a task starts or stops, so that it becomes slower and
    slower. Here a task is forgotten after `KEPT` seconds.
    """
    outcome = mark_stopped(arn, *arguments, **named)
    with _forgetting:
        now = time.monotonic()
        _stopped.append((now, ecs._tasks._scoped(arn)))
        while _stopped[0][0] < now - KEPT:
            ecs._tasks._data.pop(_stopped.popleft()[1], None)
    return outcome


@wraps(ecs, "_build_run_kwargs")
def no_start_waits_for_the_architecture(build, *arguments):
    """MiniStack: after it has started an image of a given architecture, waits a quarter of a second to see whether that
    architecture runs here.

    Here no image is run, so there is nothing to wait for: a container's command is a program of this machine.
    """
    options = build(*arguments)
    options.pop("platform", None)
    return options
