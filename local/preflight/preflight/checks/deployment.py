"""The deployed stack: all that the template has, and able to run."""

from preflight.results import check, ok, problem, warning

GUIDE = "docs/deploying.md, step 7"
_COMPLETE = ("CREATE_COMPLETE", "UPDATE_COMPLETE", "UPDATE_ROLLBACK_COMPLETE", "IMPORT_COMPLETE")


@check("stack", GUIDE, after=True)
def stack(here):
    """A stack that rolled back has the former version."""
    status = here.stack["StackStatus"]
    found = f"{here.stack['StackName']} is {status}"
    if status not in _COMPLETE:
        return problem(found, "see `aws cloudformation describe-stack-events`; docs/deploying.md, step 12")
    if "ROLLBACK" in status:
        return warning(f"{found}: the last deployment failed", "see `aws cloudformation describe-stack-events`")
    return ok(found)


@check("resources of the stack", GUIDE, after=True)
def resources(here):
    """What is not complete, or was deleted behind CloudFormation's back."""
    found = here.resources
    bad = [f"{one['LogicalResourceId']} {one['ResourceStatus']}" for one in found if "FAILED" in one["ResourceStatus"]]
    if bad:
        return problem(", ".join(bad), "deploy again, or see `aws cloudformation describe-stack-events`")
    return ok(f"{len(found)} complete")


@check("functions are active", GUIDE, after=True)
def functions(here):
    """A function in a VPC that nobody has called for weeks is inactive."""
    good = 0
    for _, properties in here.template.functions():
        name = properties["FunctionName"]
        absent = ("ResourceNotFoundException",)
        found = here.aws.get("lambda", "get_function_configuration", absent, FunctionName=name)
        if found is None:
            yield problem(f"there is no function {name}", "deploy again")
            continue
        state, update = found.get("State", "Active"), found.get("LastUpdateStatus", "Successful")
        if state == "Inactive":
            yield warning(
                f"{name} is inactive: its next call fails while Lambda wakes it", "call it again in some minutes"
            )
        elif state != "Active" or update != "Successful":
            why = found.get("StateReason") or found.get("LastUpdateStatusReason") or ""
            yield problem(f"{name} is {state}, its last update {update} {why}".strip(), "deploy again")
        else:
            good += 1
    yield ok(f"{good} are active")


@check("state machines", GUIDE, after=True)
def machines(here):
    """Each has the name of the template."""
    good = []
    for _, properties in here.template.machines():
        arn = f"arn:aws:states:{here.region}:{here.account}:stateMachine:{properties['Name']}"
        absent = ("StateMachineDoesNotExist",)
        found = here.aws.get("stepfunctions", "describe_state_machine", absent, stateMachineArn=arn)
        if found is None:
            yield problem(f"there is no state machine {properties['Name']}", "deploy again")
        elif found.get("status", "ACTIVE") != "ACTIVE":
            yield problem(f"{properties['Name']} is {found['status']}", "deploy again")
        else:
            good.append(properties["Name"])
    yield ok(f"{len(good)} exist")


@check("alarms", GUIDE, after=True)
def alarms(here):
    """A new alarm has too little data for a while, which is no fault."""
    wanted = [properties["AlarmName"] for _, properties in here.template.of_type("AWS::CloudWatch::Alarm")]
    found = here.aws.all("cloudwatch", "describe_alarms", "MetricAlarms", AlarmNames=wanted)
    by_name = {alarm["AlarmName"]: alarm for alarm in found}
    for name in wanted:
        alarm = by_name.get(name)
        if alarm is None:
            yield problem(f"there is no alarm {name}", "deploy again")
        elif not alarm.get("ActionsEnabled", True) or not alarm.get("AlarmActions"):
            yield problem(f"{name} tells nobody", "turn its actions on")
        elif alarm["StateValue"] == "ALARM":
            yield warning(f"{name} is in alarm: {alarm.get('StateReason', '')}", "see docs/operating.md, Alarms")
    yield ok(f"{len(by_name)} of {len(wanted)} exist")


@check("subscription to the alarms", GUIDE, after=True)
def subscription(here):
    """An address that has not confirmed gets no alarm."""
    topic = f"arn:aws:sns:{here.region}:{here.account}:{here.named('tenant-management-alarms')}"
    found = here.aws.all("sns", "list_subscriptions_by_topic", "Subscriptions", TopicArn=topic)
    confirmed = [one for one in found if one["SubscriptionArn"].startswith("arn:")]
    if not found:
        return warning("nobody is subscribed to the alarms", "set AlarmEmail, or subscribe to the topic")
    if not confirmed:
        return warning("no subscription to the alarms is confirmed", "confirm it in the e-mail that AWS has sent")
    return ok(f"{len(confirmed)} confirmed")


@check("event rules", GUIDE, after=True)
def rules(here):
    """A disabled rule drops signups silently."""
    for name, bus in here.template.rules():
        absent = ("ResourceNotFoundException",)
        found = here.aws.get("events", "describe_rule", absent, Name=name, EventBusName=bus)
        if found is None:
            yield problem(f"there is no rule {name} on the bus {bus}", "deploy again")
            continue
        targets = here.aws.all("events", "list_targets_by_rule", "Targets", Rule=name, EventBusName=bus)
        if found.get("State", "ENABLED") == "DISABLED":
            yield problem(f"{name} is {found['State']}", f"aws events enable-rule --name {name}")
        elif not targets:
            yield problem(f"{name} has no target", "deploy again")
        elif not any(target.get("DeadLetterConfig", {}).get("Arn") for target in targets):
            yield warning(f"{name} has no dead letter queue", "deploy again")
        else:
            yield ok(f"{name} on the bus {bus}")


@check("event bus", "docs/deploying.md, step 9")
def bus(here):
    """Signups arrive on it."""
    name = here.given("EventBus")
    if here.aws.get("events", "describe_event_bus", ("ResourceNotFoundException",), Name=name) is None:
        return problem(f"there is no event bus {name}", "create it, or correct the parameter EventBus")
    return ok(name)


@check("queue of events that nobody could handle", "docs/operating.md", after=True)
def queue(here):
    """Each message in it is a signup or a cancellation that was not carried out."""
    name = here.named("unhandled-events")
    absent = ("AWS.SimpleQueueService.NonExistentQueue", "QueueDoesNotExist")
    found = here.aws.get("sqs", "get_queue_url", absent, QueueName=name)
    if found is None:
        return problem(f"there is no queue {name}", "deploy again")
    wanted = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
    answer = here.aws.call("sqs", "get_queue_attributes", QueueUrl=found["QueueUrl"], AttributeNames=wanted)
    count = sum(int(answer.get("Attributes", {}).get(attribute, 0)) for attribute in wanted)
    if count:
        return warning(f"{name} has {count} messages", "see docs/operating.md, The dead letter queue")
    return ok(f"{name} is empty")
