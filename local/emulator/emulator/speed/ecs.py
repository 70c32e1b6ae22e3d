"""How ECS learns that a task has ended by itself."""

import contextvars

from ministack.services import ecs

from emulator.mend import wraps

# Of the task whose watch is being set up here.
_containers = contextvars.ContextVar("containers", default=())


@wraps(ecs, "_watch_task_lifecycle")
def a_task_has_its_containers(watch, task, engine, account, region):
    """For the mend below."""
    outer = _containers.set([engine.containers.get(container) for container in task.get("_docker_ids") or ()])
    try:
        return watch(task, engine, account, region)
    finally:
        _containers.reset(outer)


@wraps(ecs, "spawn_background")
def a_container_tells_that_it_ends(spawn, function, *arguments, thread_name="ministack-background", **named):
    """MiniStack: a thread for each running task asks ten times a second how that is, which with some hundreds of tasks is
    most of what it does. Here the thread begins when one of the containers has ended.
    """

    def begin():
        spawn(function, *arguments, thread_name=thread_name, **named)

    containers = _containers.get() if thread_name.startswith("ministack-ecs-watch-") else ()
    for container in containers:
        container.when_ended(begin)
    if not containers:
        begin()
