"""What is described, and in which pages."""

from xml.etree import ElementTree

from defusedxml.ElementTree import fromstring
from ministack.services import alb

from emulator.fidelity.elbv2.changes import uses
from emulator.fidelity.pages import page_of
from emulator.mend import wraps


@wraps(alb, "_describe_tgs", alb._ACTION_MAP)
def a_target_group_has_its_load_balancer(describe_target_groups, params):
    """AWS: LoadBalancerArns names the load balancer that forwards to the target group now.

    MiniStack: it names the one whose listener did so when it was made.
    """
    balancers = {group: balancer for _, balancer, group in uses()}
    for arn, group in alb._tgs.items():
        group["LoadBalancerArns"] = [balancers[arn]] if arn in balancers else []
    return describe_target_groups(params)


def an_unknown_name_is_an_error(name, found, lists, code):
    """AWS: answers with an error when something that the call names does not exist.

    MiniStack: leaves it out of the answer.
    """

    @wraps(alb, name, alb._ACTION_MAP)
    def checked(describe, params):
        for parameter, known in lists.items():
            named = alb._parse_member_list(params, parameter)
            if not set(named) <= set(known()):
                return alb._error(code, f"One or more {found} not found")
        return describe(params)


an_unknown_name_is_an_error(
    "_describe_tgs",
    "target groups",
    {
        "TargetGroupArns": lambda: alb._tgs,
        "Names": lambda: [group["TargetGroupName"] for group in alb._tgs.values()],
    },
    "TargetGroupNotFound",
)
an_unknown_name_is_an_error("_describe_rules", "rules", {"RuleArns": lambda: alb._rules}, "RuleNotFound")
an_unknown_name_is_an_error(
    "_describe_listeners", "listeners", {"ListenerArns": lambda: alb._listeners}, "ListenerNotFound"
)


@wraps(alb, "_describe_rules", alb._ACTION_MAP)
def only_an_existing_listener_has_rules(describe_rules, params):
    """AWS: asking for the rules of a missing listener is ListenerNotFound.

    MiniStack: gives an empty list.
    """
    listener = alb._p(params, "ListenerArn")
    if listener and listener not in alb._listeners:
        return alb._error("ListenerNotFound", f"Listener '{listener}' not found")
    return describe_rules(params)


@wraps(alb, "_describe_listeners", alb._ACTION_MAP)
def only_an_existing_load_balancer_has_listeners(describe_listeners, params):
    """AWS: asking for the listeners of a missing load balancer is LoadBalancerNotFound.

    MiniStack: gives an empty list.
    """
    balancer = alb._p(params, "LoadBalancerArn")
    if balancer and balancer not in alb._lbs:
        return alb._error("LoadBalancerNotFound", f"Load balancer '{balancer}' not found")
    return describe_listeners(params)


_LARGEST_PAGE = 400


def descriptions_come_in_pages(name, element, arn):
    """AWS: gives pages of at most PageSize, which is 400 at most, with a NextMarker.

    MiniStack: gives everything at once.
    """

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


_MOST_NAMES = 20


def a_call_names_no_more_than_20(name, kind, *lists):
    """AWS: refuses a call with more than 20 names or ARNs with ValidationError.

    MiniStack: accepts any number.
    """

    @wraps(alb, name, alb._ACTION_MAP)
    def checked(describe, params):
        if any(len(alb._parse_member_list(params, named)) > _MOST_NAMES for named in lists):
            return alb._error("ValidationError", f"You cannot describe more than '{_MOST_NAMES}' {kind} at a time")
        return describe(params)


for _described in (
    ("_describe_lbs", "load balancers", "LoadBalancerArns", "Names"),
    ("_describe_listeners", "listeners", "ListenerArns"),
    ("_describe_rules", "listener rules", "RuleArns"),
    ("_describe_tgs", "target groups", "TargetGroupArns", "Names"),
    ("_describe_tags", "resources", "ResourceArns"),
):
    a_call_names_no_more_than_20(*_described)
