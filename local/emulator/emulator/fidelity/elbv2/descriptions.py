"""What Elastic Load Balancing tells of its parts, as AWS has it."""

from xml.etree import ElementTree

from defusedxml.ElementTree import fromstring
from ministack.services import alb

from emulator.fidelity.elbv2.changes import uses
from emulator.fidelity.pages import page_of
from emulator.mend import wraps


@wraps(alb, "_describe_tgs", alb._ACTION_MAP)
def a_target_group_has_its_load_balancer(describe_target_groups, params):
    """AWS: LoadBalancerArns is the load balancer that forwards to the target group. MiniStack: the one whose listener
    did by default when it was made.
    """
    balancers = {group: balancer for _, balancer, group in uses()}
    for arn, group in alb._tgs.items():
        group["LoadBalancerArns"] = [balancers[arn]] if arn in balancers else []
    return describe_target_groups(params)


def what_is_described_is_there(name, found, lists, code):
    """AWS: an error when one of the named parts is unknown. MiniStack: leaves it out."""

    @wraps(alb, name, alb._ACTION_MAP)
    def checked(describe, params):
        for parameter, known in lists.items():
            named = alb._parse_member_list(params, parameter)
            if not set(named) <= set(known()):
                return alb._error(code, f"One or more {found} not found")
        return describe(params)


what_is_described_is_there(
    "_describe_tgs",
    "target groups",
    {
        "TargetGroupArns": lambda: alb._tgs,
        "Names": lambda: [group["TargetGroupName"] for group in alb._tgs.values()],
    },
    "TargetGroupNotFound",
)
what_is_described_is_there("_describe_rules", "rules", {"RuleArns": lambda: alb._rules}, "RuleNotFound")
what_is_described_is_there(
    "_describe_listeners", "listeners", {"ListenerArns": lambda: alb._listeners}, "ListenerNotFound"
)


@wraps(alb, "_describe_rules", alb._ACTION_MAP)
def rules_are_those_of_a_listener(describe_rules, params):
    """AWS: ListenerNotFound for the rules of a missing listener. MiniStack: none."""
    listener = alb._p(params, "ListenerArn")
    if listener and listener not in alb._listeners:
        return alb._error("ListenerNotFound", f"Listener '{listener}' not found")
    return describe_rules(params)


@wraps(alb, "_describe_listeners", alb._ACTION_MAP)
def listeners_are_those_of_a_load_balancer(describe_listeners, params):
    """AWS: LoadBalancerNotFound for the listeners of a missing load balancer. MiniStack: none."""
    balancer = alb._p(params, "LoadBalancerArn")
    if balancer and balancer not in alb._lbs:
        return alb._error("LoadBalancerNotFound", f"Load balancer '{balancer}' not found")
    return describe_listeners(params)


_LARGEST_PAGE = 400


def descriptions_come_in_pages(name, element, arn):
    """AWS: pages of at most PageSize, which is 400 at most, with a NextMarker. MiniStack: everything at once."""

    @wraps(alb, name, alb._ACTION_MAP)
    def paged(describe, params):
        size = int(alb._p(params, "PageSize", str(_LARGEST_PAGE)))
        if not 1 <= size <= _LARGEST_PAGE:
            return alb._error("ValidationError", f"'{size}' at 'pageSize' must be between 1 and {_LARGEST_PAGE}")
        status, headers, body = describe(params)
        marker = alb._p(params, "Marker")
        if status != 200 or (not marker and body.count(f"<{arn}>".encode()) <= size):
            return status, headers, body
        answer = fromstring(body)
        members = answer.find(f".//{{{alb.NS}}}{element}")
        found = {member.findtext(f"{{{alb.NS}}}{arn}"): member for member in list(members)}
        page, next_marker = page_of(found, size, marker)
        members[:] = [found[one] for one in page]
        if next_marker:
            result = answer.find(f"{{{alb.NS}}}{answer.tag.rpartition('}')[2].removesuffix('Response')}Result")
            ElementTree.SubElement(result, f"{{{alb.NS}}}NextMarker").text = next_marker
        return status, headers, ElementTree.tostring(answer, encoding="utf-8", default_namespace=alb.NS)


for _described in (
    ("_describe_lbs", "LoadBalancers", "LoadBalancerArn"),
    ("_describe_listeners", "Listeners", "ListenerArn"),
    ("_describe_rules", "Rules", "RuleArn"),
    ("_describe_tgs", "TargetGroups", "TargetGroupArn"),
):
    descriptions_come_in_pages(*_described)


_NAMED_AT_ONCE = 20


def so_many_are_named_at_once(name, kind, *lists):
    """AWS: ValidationError for more than 20 names or ARNs in one call. MiniStack: takes any number."""

    @wraps(alb, name, alb._ACTION_MAP)
    def checked(describe, params):
        if any(len(alb._parse_member_list(params, named)) > _NAMED_AT_ONCE for named in lists):
            return alb._error("ValidationError", f"You cannot describe more than '{_NAMED_AT_ONCE}' {kind} at a time")
        return describe(params)


for _described in (
    ("_describe_lbs", "load balancers", "LoadBalancerArns", "Names"),
    ("_describe_listeners", "listeners", "ListenerArns"),
    ("_describe_rules", "listener rules", "RuleArns"),
    ("_describe_tgs", "target groups", "TargetGroupArns", "Names"),
    ("_describe_tags", "resources", "ResourceArns"),
):
    so_many_are_named_at_once(*_described)
