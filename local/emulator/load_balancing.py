"""Elastic Load Balancing, as AWS has it."""

import threading

from mend import wraps
from ministack.services import alb

_rules = threading.Lock()


@wraps(alb, "_create_rule", alb._ACTION_MAP)
def priorities_are_unique(create_rule, params):
    """AWS: a priority is taken once per listener, else PriorityInUse. MiniStack: any number of times."""
    listener, priority = alb._p(params, "ListenerArn"), alb._p(params, "Priority", "1")
    with _rules:
        for rule in alb._rules.values():
            if rule.get("ListenerArn") == listener and str(rule.get("Priority")) == priority:
                return alb._error("PriorityInUse", f"Priority '{priority}' is currently in use")
        return create_rule(params)


@wraps(alb, "_delete_rule", alb._ACTION_MAP)
def a_missing_rule_is_not_found(delete_rule, params):
    """AWS: RuleNotFound. MiniStack: success."""
    arn = alb._p(params, "RuleArn")
    with _rules:
        if arn not in alb._rules:
            return alb._error("RuleNotFound", f"Rule '{arn}' not found")
        return delete_rule(params)


def _groups_of(actions):
    for action in actions or []:
        groups = (action.get("ForwardConfig") or {}).get("TargetGroups") or []
        yield from filter(None, (action.get("TargetGroupArn"), *(group.get("TargetGroupArn") for group in groups)))


def a_rule_forwards_to_what_there_is(name):
    """AWS: TargetGroupNotFound for an action that forwards to a missing target group. MiniStack: takes any ARN."""

    @wraps(alb, name, alb._ACTION_MAP)
    def checked(write_rule, params):
        for arn in _groups_of(alb._parse_actions(params, "Actions")):
            if arn not in alb._tgs:
                return alb._error("TargetGroupNotFound", f"Target group '{arn}' not found")
        return write_rule(params)


for _name in ("_create_rule", "_modify_rule"):
    a_rule_forwards_to_what_there_is(_name)


def _forwards_to(actions, target_group):
    return target_group in _groups_of(actions)


@wraps(alb, "_delete_tg", alb._ACTION_MAP)
def a_target_group_in_use_stays(delete_target_group, params):
    """AWS: ResourceInUse while a rule or a listener forwards to the target group. MiniStack: deletes it."""
    arn = alb._p(params, "TargetGroupArn")
    if has_a_load_balancer(arn):
        return alb._error("ResourceInUse", f"Target group '{arn}' is currently in use by a listener or a rule")
    return delete_target_group(params)


def has_a_load_balancer(target_group):
    """Whether a rule or a listener forwards to the target group."""
    rules, listeners = list(alb._rules.values()), list(alb._listeners.values())
    return any(_forwards_to(rule.get("Actions"), target_group) for rule in rules) or any(
        _forwards_to(listener.get("DefaultActions"), target_group) for listener in listeners
    )


@wraps(alb, "_describe_tgs", alb._ACTION_MAP)
def a_missing_target_group_is_not_found(describe_target_groups, params):
    """AWS: TargetGroupNotFound when a name is unknown. MiniStack: an empty list."""
    known = {group["TargetGroupName"] for group in alb._tgs.values()}
    if any(name not in known for name in alb._parse_member_list(params, "Names")):
        return alb._error("TargetGroupNotFound", "One or more target groups not found")
    return describe_target_groups(params)


@wraps(alb, "_action_xml")
def a_page_may_be_html(action_xml, action):
    """AWS: a fixed response's body may be any text. MiniStack: puts it into its XML as it is."""
    response = action.get("FixedResponseConfig")
    if response:
        action = {**action, "FixedResponseConfig": {**response, "MessageBody": alb._esc(response["MessageBody"])}}
    return action_xml(action)
