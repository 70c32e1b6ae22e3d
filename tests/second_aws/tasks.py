"""ECS's scheduler, which moto lacks: there, no service and no task ever gets on, and none is at the load balancer."""

import ipaddress
import itertools

from moto.core.utils import utcnow
from moto.ecs.models import ecs_backends

from account import NUMBER, REGION

_ADDRESSES = map(str, itertools.cycle(ipaddress.ip_network("10.0.0.0/20").hosts()))


class Tasks:
    """The tasks of an account.

    `says` has the lines that a one-off task writes into its log, and `fatal` the images whose tasks do not stay alive.
    """

    def __init__(self, account):
        self._ecs, self._elb, self._logs = (account.client(name) for name in ("ecs", "elbv2", "logs"))
        self.says, self.fatal = [], set()

    def settle(self):
        """Bring every service to its goal."""
        for service in ecs_backends[NUMBER][REGION].services.values():
            if service.status == "ACTIVE" and self._image(service.task_definition) in self.fatal:
                service.deployments[0] |= {"rolloutState": "FAILED", "rolloutStateReason": "tasks failed to start."}
            elif service.status == "ACTIVE":
                _complete(service)
                self._register(service)
            elif service.status == "DRAINING":
                service.status, service.running_count = "INACTIVE", 0

    def run(self, arguments):
        """Run a one-off task to its end. Return it as Step Functions does."""
        ran = self._ecs.run_task(**_camel_case(arguments))
        assert not ran["failures"], ran["failures"]
        [task] = ran["tasks"]
        container = self._container(task["taskDefinitionArn"])
        self._write_log(container, task["taskArn"].rpartition("/")[2])
        self._ecs.stop_task(cluster=task["clusterArn"], task=task["taskArn"])
        return {
            "TaskArn": task["taskArn"],
            "StoppedReason": "Essential container in task exited",
            "Containers": [{"Name": container["name"], "ExitCode": 0}],
        }

    def _container(self, definition):
        """The only container of a task definition."""
        described = self._ecs.describe_task_definition(taskDefinition=definition)["taskDefinition"]
        [container] = described["containerDefinitions"]
        return container

    def _image(self, definition):
        return self._container(definition)["image"]

    def _register(self, service):
        """Let the load balancer find as many tasks as the service has."""
        for balancer in service.load_balancers:
            group = balancer["targetGroupArn"]
            health = self._elb.describe_target_health(TargetGroupArn=group)["TargetHealthDescriptions"]
            targets = [target["Target"] for target in health]
            new = [{"Id": next(_ADDRESSES), "Port": 80} for _ in range(len(targets), service.desired_count)]
            if new:
                self._elb.register_targets(TargetGroupArn=group, Targets=new)
            if old := targets[service.desired_count :]:
                self._elb.deregister_targets(TargetGroupArn=group, Targets=old)

    def _write_log(self, container, task):
        options = container["logConfiguration"]["options"]
        group, stream = options["awslogs-group"], f"{options['awslogs-stream-prefix']}/{container['name']}/{task}"
        self._logs.create_log_stream(logGroupName=group, logStreamName=stream)
        now = round(utcnow().timestamp() * 1000)
        events = [{"timestamp": now, "message": line} for line in self.says]
        if events:
            self._logs.put_log_events(logGroupName=group, logStreamName=stream, logEvents=events)


def _complete(service):
    """End the service's deployment, with every task running."""
    service.running_count, service.pending_count = service.desired_count, 0
    primary = service.deployments[0]
    primary |= {
        "desiredCount": service.desired_count,
        "runningCount": service.desired_count,
        "pendingCount": 0,
        "rolloutState": "COMPLETED",
        "rolloutStateReason": f"ECS deployment {primary['id']} completed.",
    }
    service.deployments = [primary]


def _camel_case(arguments):
    """The arguments of a state as those of a call: `TaskDefinition` is `taskDefinition` there."""
    if isinstance(arguments, dict):
        return {name[0].lower() + name[1:]: _camel_case(value) for name, value in arguments.items()}
    if isinstance(arguments, list):
        return [_camel_case(value) for value in arguments]
    return arguments
