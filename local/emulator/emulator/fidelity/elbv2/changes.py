"""What may be created, changed and deleted."""

import threading

from ministack.services import alb

from emulator.mend import wraps

# Quotas of an Application Load Balancer. The one of target groups cannot be raised. Source: "Quotas for your
# Application Load Balancers".
_RULES = 100
_TARGET_GROUPS = 100

# Held between a check and the change that it permits.
_changing = threading.RLock()


@wraps(alb, "_create_rule", alb._ACTION_MAP)
def priorities_are_unique(create_rule, params):
    """AWS: refuses a priority that another rule of the listener has with PriorityInUse.

    MiniStack: accepts it.
    """
    listener, priority = alb._p(params, "ListenerArn"), alb._p(params, "Priority", "1")
    with _changing:
        for rule in alb._rules.values():
            if rule.get("ListenerArn") == listener and str(rule.get("Priority")) == priority:
                return alb._error("PriorityInUse", f"Priority '{priority}' is currently in use")
        return create_rule(params)


@wraps(alb, "_delete_rule", alb._ACTION_MAP)
def a_missing_rule_is_not_found(delete_rule, params):
    """AWS: deleting a rule that does not exist is RuleNotFound.

    MiniStack: it succeeds.
    """
    arn = alb._p(params, "RuleArn")
    with _changing:
        if arn not in alb._rules:
            return alb._error("RuleNotFound", f"Rule '{arn}' not found")
        return delete_rule(params)


def _groups_of(actions):
    for action in actions or []:
        groups = (action.get("ForwardConfig") or {}).get("TargetGroups") or []
        yield from filter(None, (action.get("TargetGroupArn"), *(group.get("TargetGroupArn") for group in groups)))


def a_rule_forwards_to_target_groups_that_exist(name):
    """AWS: refuses an action that forwards to a missing target group with TargetGroupNotFound.

    MiniStack: accepts any ARN.
    """

    @wraps(alb, name, alb._ACTION_MAP)
    def checked(write_rule, params):
        for arn in _groups_of(alb._parse_actions(params, "Actions")):
            if arn not in alb._tgs:
                return alb._error("TargetGroupNotFound", f"Target group '{arn}' not found")
        return write_rule(params)


for _name in ("_create_rule", "_modify_rule"):
    a_rule_forwards_to_target_groups_that_exist(_name)


def uses():
    """Who forwards to which target group: triples of the rule's or listener's ARN, its load balancer, and the group.

    Default rules are left out, since their actions are those of the listener.
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
def deleting_a_missing_target_group_succeeds(delete_target_group, params):
    """AWS: the operation has one error, ResourceInUse, so deleting a target group that does not exist succeeds. Source:
    API reference of DeleteTargetGroup, Errors.

    MiniStack: answers TargetGroupNotFound.
    """
    if alb._p(params, "TargetGroupArn") not in alb._tgs:
        return alb._empty("DeleteTargetGroup")
    return delete_target_group(params)


@wraps(alb, "_delete_tg", alb._ACTION_MAP)
def a_target_group_in_use_stays(delete_target_group, params):
    """AWS: refuses to delete a target group to which a rule or a listener forwards, with ResourceInUse.

    MiniStack: deletes it.
    """
    arn = alb._p(params, "TargetGroupArn")
    with _changing:
        if has_a_load_balancer(arn):
            return alb._error("ResourceInUse", f"Target group '{arn}' is currently in use by a listener or a rule")
        return delete_target_group(params)


def _load_balancer_of(params):
    """The load balancer whose rule or listener a request creates or changes."""
    rule = alb._rules.get(alb._p(params, "RuleArn")) or {}
    listener = alb._listeners.get(alb._p(params, "ListenerArn") or rule.get("ListenerArn")) or {}
    return alb._p(params, "LoadBalancerArn") or listener.get("LoadBalancerArn")


def _refusal(params, prefix):
    """The error for a change that attaches too many target groups to a load balancer; None if it does not."""
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


def target_groups_of_a_load_balancer_are_limited(name, prefix):
    """AWS: a target group belongs to one load balancer, else TargetGroupAssociationLimit. A load balancer forwards to
    at most 100 different ones, else TooManyUniqueTargetGroupsPerLoadBalancer.

    MiniStack: limits neither.
    """

    @wraps(alb, name, alb._ACTION_MAP)
    def checked(write, params):
        with _changing:
            return _refusal(params, prefix) or write(params)


for _name in ("_create_rule", "_modify_rule"):
    target_groups_of_a_load_balancer_are_limited(_name, "Actions")
for _name in ("_create_listener", "_modify_listener"):
    target_groups_of_a_load_balancer_are_limited(_name, "DefaultActions")


@wraps(alb, "_create_rule", alb._ACTION_MAP)
def rules_of_a_load_balancer_are_limited(create_rule, params):
    """AWS: refuses a rule with TooManyRules when the listeners of the load balancer together have 100, not counting the
    default rules.

    MiniStack: accepts any number.
    """
    balancer = _load_balancer_of(params)
    with _changing:
        listeners = {arn for arn, listener in alb._listeners.items() if listener["LoadBalancerArn"] == balancer}
        rules = [rule for rule in alb._rules.values() if rule.get("ListenerArn") in listeners]
        if sum(not rule.get("IsDefault") for rule in rules) >= _RULES:
            reason = f"The maximum number of rules on load balancer {balancer} has been reached"
            return alb._error("TooManyRules", reason)
        return create_rule(params)


@wraps(alb, "_action_xml")
def a_page_may_be_html(action_xml, action):
    """AWS: the body of a fixed response may be any text.

    MiniStack: does not escape it in the XML of its answer.
    """
    response = action.get("FixedResponseConfig")
    if response:
        action = {**action, "FixedResponseConfig": {**response, "MessageBody": alb._esc(response["MessageBody"])}}
    return action_xml(action)
