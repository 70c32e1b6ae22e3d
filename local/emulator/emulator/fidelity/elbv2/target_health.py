"""What DescribeTargetHealth says."""

from ministack.services import alb

from emulator.fidelity.elbv2 import health_checks, targets
from emulator.fidelity.elbv2.changes import has_a_load_balancer
from emulator.mend import wraps

# States with their reason codes and descriptions, in AWS's words.
_DRAINING = "draining", "Target.DeregistrationInProgress", "Target deregistration is in progress"
_NOT_IN_USE = (
    "unused",
    "Target.NotInUse",
    "Target group is not configured to receive traffic from the load balancer",
)
_NOT_REGISTERED = "unused", "Target.NotRegistered", "Target is not registered to the target group"
_NOT_CHECKED = "unavailable", "Target.HealthCheckDisabled", "Health checks are disabled for this target group"


def _health(target, group, is_in_use):
    """State, reason code and description of a target; only the state if it is healthy."""
    if target.drained_at is not None:
        return _DRAINING
    if not is_in_use:
        return _NOT_IN_USE
    if not group["HealthCheckEnabled"]:
        return _NOT_CHECKED
    return target.state, *(target.reason or ())


def _member(address, port, check_port, state, reason=None, description=None):
    why = f"<Reason>{reason}</Reason><Description>{alb._esc(description)}</Description>" if reason else ""
    return (
        f"<member><Target><Id>{alb._esc(address)}</Id><Port>{port}</Port></Target>"
        f"<HealthCheckPort>{check_port}</HealthCheckPort>"
        f"<TargetHealth><State>{state}</State>{why}</TargetHealth></member>"
    )


@wraps(alb, "_describe_target_health", alb._ACTION_MAP)
def target_health_is_true(_describe, params):
    """AWS: tells the state of each target, or of those that the call names, and why it is not healthy.

    MiniStack: calls every registered target healthy, and leaves out those that are not registered.
    """
    arn = alb._p(params, "TargetGroupArn")
    group = alb._tgs.get(arn)
    if not group:
        return alb._error("TargetGroupNotFound", f"Target group '{arn}' not found.")
    is_in_use = has_a_load_balancer(arn)
    named = [targets.key_of(each, group) for each in alb._parse_targets_param(params)]
    members, found = [], set()
    for target in targets.of_group(arn):
        key = target.address, target.port
        if not named or key in named:
            found.add(key)
            members.append(_member(*key, health_checks.port_of(target, group), *_health(target, group, is_in_use)))
    members += [_member(*key, key[1], *_NOT_REGISTERED) for key in named if key not in found]
    descriptions = f"<TargetHealthDescriptions>{''.join(members)}</TargetHealthDescriptions>"
    return alb._xml(200, "DescribeTargetHealth", descriptions)
