"""Elastic Load Balancing, as AWS has it."""

import threading

from ministack.services import alb

from emulator.mend import wraps

# Per Application Load Balancer. Source: "Quotas for your Application Load Balancers"; the number of target groups
# cannot be raised.
_RULES = 100
_TARGET_GROUPS = 100

_rules = threading.RLock()


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


def uses():
    """Which target groups are forwarded to: the rule or listener that does, its load balancer, and the target group.
    A listener's default rule has the actions of the listener.
    """
    balancers = {}
    for arn, listener in alb._listeners.items():
        balancers[arn] = listener["LoadBalancerArn"]
        for group in _groups_of(listener.get("DefaultActions")):
            yield arn, balancers[arn], group
    for arn, rule in alb._rules.items():
        if rule.get("ListenerArn") in balancers and not rule.get("IsDefault"):
            for group in _groups_of(rule.get("Actions")):
                yield arn, balancers[rule["ListenerArn"]], group


def has_a_load_balancer(target_group):
    """Whether a rule or a listener forwards to the target group."""
    return any(group == target_group for _, _, group in uses())


@wraps(alb, "_delete_tg", alb._ACTION_MAP)
def a_target_group_in_use_stays(delete_target_group, params):
    """AWS: ResourceInUse while a rule or a listener forwards to the target group. MiniStack: deletes it."""
    arn = alb._p(params, "TargetGroupArn")
    with _rules:
        if has_a_load_balancer(arn):
            return alb._error("ResourceInUse", f"Target group '{arn}' is currently in use by a listener or a rule")
        return delete_target_group(params)


def _load_balancer_of(params):
    """The load balancer whose part is written."""
    rule = alb._rules.get(alb._p(params, "RuleArn")) or {}
    listener = alb._listeners.get(alb._p(params, "ListenerArn") or rule.get("ListenerArn")) or {}
    return alb._p(params, "LoadBalancerArn") or listener.get("LoadBalancerArn")


def _limit(params, prefix):
    """The error for a change after which a load balancer would forward to too many target groups, if it would."""
    balancer, wanted = _load_balancer_of(params), set(_groups_of(alb._parse_actions(params, prefix)))
    changed = (alb._p(params, "RuleArn"), prefix == "DefaultActions" and alb._p(params, "ListenerArn"))
    others = [(of, group) for arn, of, group in uses() if arn not in changed]
    elsewhere = sorted(group for of, group in others if group in wanted and of != balancer)
    if elsewhere:
        return alb._error(
            "TargetGroupAssociationLimit",
            "The following target groups cannot be associated with more than one load balancer: "
            + ", ".join(elsewhere),
        )
    attached = {group for of, group in others if of == balancer}
    if len(attached | wanted) > _TARGET_GROUPS:
        return alb._error(
            "TooManyUniqueTargetGroupsPerLoadBalancer",
            "You have reached the maximum number of unique target groups that you can associate with a load balancer "
            f"of type 'application': [{_TARGET_GROUPS}]",
        )
    return None


def a_load_balancer_has_so_many_target_groups(name, prefix):
    """AWS: a target group belongs to one load balancer, else TargetGroupAssociationLimit, and a load balancer forwards
    to 100 different ones at most, else TooManyUniqueTargetGroupsPerLoadBalancer. MiniStack: any number of both.
    """

    @wraps(alb, name, alb._ACTION_MAP)
    def checked(write, params):
        with _rules:
            return _limit(params, prefix) or write(params)


for _name in ("_create_rule", "_modify_rule"):
    a_load_balancer_has_so_many_target_groups(_name, "Actions")
for _name in ("_create_listener", "_modify_listener"):
    a_load_balancer_has_so_many_target_groups(_name, "DefaultActions")


@wraps(alb, "_create_rule", alb._ACTION_MAP)
def a_load_balancer_has_so_many_rules(create_rule, params):
    """AWS: TooManyRules when the listeners of a load balancer have 100 rules together, without the default ones.
    MiniStack: any number.
    """
    balancer = _load_balancer_of(params)
    with _rules:
        listeners = {arn for arn, listener in alb._listeners.items() if listener["LoadBalancerArn"] == balancer}
        rules = [rule for rule in alb._rules.values() if rule.get("ListenerArn") in listeners]
        if sum(not rule.get("IsDefault") for rule in rules) >= _RULES:
            reason = f"The maximum number of rules on load balancer {balancer} has been reached"
            return alb._error("TooManyRules", reason)
        return create_rule(params)


@wraps(alb, "_action_xml")
def a_page_may_be_html(action_xml, action):
    """AWS: a fixed response's body may be any text. MiniStack: puts it into its XML as it is."""
    response = action.get("FixedResponseConfig")
    if response:
        action = {**action, "FixedResponseConfig": {**response, "MessageBody": alb._esc(response["MessageBody"])}}
    return action_xml(action)
