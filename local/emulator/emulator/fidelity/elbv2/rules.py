"""What conditions and actions consist of."""

from ministack.services import alb
from ministack.services.cloudformation import provisioners

from emulator.mend import wraps


def _members(params, prefix, *names):
    """The members of a list of structures: for each, the values of `names`."""
    members, number = [], 1
    while any(f"{prefix}.member.{number}.{name}" in params for name in names):
        members.append([alb._p(params, f"{prefix}.member.{number}.{name}") for name in names])
        number += 1
    return members


def _forward(groups):
    groups = [(arn, 1 if weight in (None, "") else int(weight)) for arn, weight in groups]
    return {"TargetGroups": [{"TargetGroupArn": arn, "Weight": weight} for arn, weight in groups]}


@wraps(alb, "_parse_actions")
def a_request_is_forwarded_to_several_target_groups(parse, params, prefix="DefaultActions"):
    """AWS: an action may forward to several target groups, each with a weight.

    MiniStack: drops ForwardConfig.
    """
    actions = parse(params, prefix)
    for number, action in enumerate(actions, 1):
        listed = f"{prefix}.member.{number}.ForwardConfig.TargetGroups"
        groups = _members(params, listed, "TargetGroupArn", "Weight")
        if groups:
            action["ForwardConfig"] = _forward(groups)
        if len(groups) == 1:
            action["TargetGroupArn"] = groups[0][0]
    return actions


@wraps(provisioners, "_elbv2_listener_actions")
def a_template_may_forward_to_several_target_groups(listener_actions, props, balancer, prop="DefaultActions"):
    """AWS: CloudFormation takes over all target groups of an action.

    MiniStack: takes over the first.
    """
    actions = listener_actions(props, balancer, prop)
    given = [action for action in props.get(prop) or [] if isinstance(action, dict)]
    for entry, action in zip(actions, given, strict=True):
        groups = (action.get("ForwardConfig") or {}).get("TargetGroups") or []
        if len(groups) > 1:
            entry.pop("TargetGroupArn", None)
            entry["ForwardConfig"] = _forward((group["TargetGroupArn"], group.get("Weight")) for group in groups)
    return actions


@wraps(alb, "_action_xml")
def an_action_tells_all_its_target_groups(action_xml, action):
    """AWS: describes the target groups of an action, with their weights.

    MiniStack: describes one.
    """
    text, forward = action_xml(action), action.get("ForwardConfig")
    if not forward:
        return text
    groups = "".join(
        f"<member><TargetGroupArn>{group['TargetGroupArn']}</TargetGroupArn><Weight>{group['Weight']}</Weight></member>"
        for group in forward["TargetGroups"]
    )
    described = f"<ForwardConfig><TargetGroups>{groups}</TargetGroups></ForwardConfig>"
    return text.removesuffix("</member>") + described + "</member>"


@wraps(alb, "_parse_conditions")
def a_condition_may_be_about_the_query(parse, params, prefix="Conditions"):
    """AWS: a condition may be about the query string.

    MiniStack: drops QueryStringConfig, so that the condition has no values.
    """
    conditions = parse(params, prefix)
    for number, condition in enumerate(conditions, 1):
        listed = f"{prefix}.member.{number}.QueryStringConfig.Values"
        if condition["Field"] == "query-string":
            pairs = _members(params, listed, "Key", "Value")
            condition["QueryStringConfig"] = {"Values": [{"Key": key, "Value": value} for key, value in pairs]}
    return conditions


@wraps(alb, "_condition_xml")
def a_condition_tells_its_query(condition_xml, condition):
    """AWS: describes the keys and values of a condition about the query string.

    MiniStack: does not.
    """
    if condition["Field"] != "query-string":
        return condition_xml(condition)
    pairs = "".join(
        "<member>"
        + "".join(f"<{name}>{alb._esc(pair[name])}</{name}>" for name in ("Key", "Value") if pair.get(name))
        + "</member>"
        for pair in query_of(condition)
    )
    described = f"<QueryStringConfig><Values>{pairs}</Values></QueryStringConfig>"
    return f"<member><Field>query-string</Field>{described}</member>"


def query_of(condition):
    """The pairs of a condition about the query string. CloudFormation's stand where others have their values."""
    return (condition.get("QueryStringConfig") or {}).get("Values") or condition.get("Values") or []
