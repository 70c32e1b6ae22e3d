"""Route 53.

The texts of the errors are quoted from reports of users. Source of the rest: the API reference of
ChangeResourceRecordSets and ListResourceRecordSets, and the Developer Guide.
"""

import re
import threading

from ministack.core import iam_actions
from ministack.services import alb, route53
from ministack.services.cloudformation import provisioners

from emulator.mend import wraps

# MiniStack gives each load balancer this CanonicalHostedZoneId.
_LOAD_BALANCERS = "Z35SXDOTRQ7X7K"
_POLICIES = ("Weight", "Region", "Failover", "MultiValueAnswer", "GeoLocation", "CidrRoutingConfig")
_LARGEST_WEIGHT = 255

# Held between the check of a batch and its changes.
_changing = threading.Lock()


def _normal(character):
    octal, plain = character.groups()
    letter = (chr(int(octal, 8)) if octal else plain).lower()
    return letter if re.fullmatch("[a-z0-9_-]", letter) else f"\\{ord(letter):03o}"


@wraps(route53, "_normalise_name")
def a_name_has_one_form(normalise_name, name):
    r"""AWS: a name is in lower case and ends with a dot. All but letters, digits, hyphens and underscores are written
    as octal codes: `*` is `\052`.

    MiniStack: adds the dot only.
    """
    return re.sub(r"\\([0-7]{3})|([^.])", _normal, normalise_name(name))


@wraps(route53, "_name_sort_key")
def names_are_sorted_by_their_reversed_labels(name_sort_key, name):
    """AWS: sorts by the text of the name with its labels reversed, so that a hyphen comes before a dot.

    MiniStack: sorts label by label.
    """
    backwards = "".join(f"{label}." for label in name_sort_key(name))
    return re.sub(r"\\([0-7]{3})", lambda code: chr(int(code[1], 8)), backwards)


@wraps(route53, "_list_resource_record_sets")
def a_list_starts_at_a_type_only_with_a_name(list_resource_record_sets, zone_id, query):
    """AWS: refuses to start a list at a type without a name, with InvalidInput.

    MiniStack: ignores the type.
    """
    if query.get("type") and not query.get("name"):
        return route53._error_response("InvalidInput", "StartRecordType requires StartRecordName")
    return list_resource_record_sets(zone_id, query)


@wraps(route53, "_parse_record_set")
def an_alias_target_has_one_form(parse_record_set, element):
    """AWS: the target of an alias is in lower case, and EvaluateTargetHealth is required.

    MiniStack: leaves the case as it is, and takes False for a missing EvaluateTargetHealth.
    """
    record = parse_record_set(element)
    target = record.get("AliasTarget")
    if target:
        target["DNSName"] = target["DNSName"].lower()
        if route53._find(route53._find(element, "AliasTarget"), "EvaluateTargetHealth") is None:
            del target["EvaluateTargetHealth"]
    return record


def _changes(body):
    """The changes in the body of a request: pairs of action and record set."""
    element = route53._parse_body(body)
    for name in ("ChangeBatch", "Changes"):
        element = route53._find(element, name) if element is not None else None
    for change in route53._findall(element, "Change") if element is not None else ():
        record = route53._find(change, "ResourceRecordSet")
        if record is not None:
            yield route53._text(change, "Action"), route53._parse_record_set(record)


def _malformed(action, record):
    """What is wrong with a change, whatever is in the zone; None if nothing is."""
    change = (
        f"in Change with [Action={action}, Name={record['Name']}, Type={record['Type']}, "
        f"SetIdentifier={record.get('SetIdentifier') or 'null'}]"
    )
    target, policies = record.get("AliasTarget"), [name for name in _POLICIES if name in record]
    plain = {"TTL", "ResourceRecords"} & record.keys()
    if bool(target) == bool(plain) or len(plain) == 1:
        found = "more than one" if target else "none"
        one_of = "[AliasTarget, all of [TTL, and ResourceRecords], or TrafficPolicyInstanceId]"
        return f"Invalid request: Expected exactly one of {one_of}, but found {found} {change}"
    if target and not all(str(target.get(name, "")) for name in ("HostedZoneId", "DNSName", "EvaluateTargetHealth")):
        return "Invalid XML ; cvc-complex-type.2.4.b: The content of element 'AliasTarget' is not complete."
    if policies and not record.get("SetIdentifier"):
        return f"Invalid request: Missing field 'SetIdentifier' {change}"
    if record.get("SetIdentifier") and len(policies) != 1:
        found = "more than one" if policies else "none"
        return f"Invalid request: Expected exactly one of [{', '.join(_POLICIES)}], but found {found} {change}"
    if not 0 <= record.get("Weight", 0) <= _LARGEST_WEIGHT:
        return f"Invalid request: Weight must be between 0 and {_LARGEST_WEIGHT} {change}"
    return None


def _lies_within(name, zone):
    zone_name = route53._normalise_name(zone["name"])
    return name == zone_name or name.endswith(f".{zone_name}")


def _alias_problems(record):
    """Why an alias cannot have its target. Targets in zones of Route 53 and load balancers are checked."""
    target, zone_id = record["AliasTarget"]["DNSName"], record["AliasTarget"]["HostedZoneId"]
    zone = route53._zones.get(zone_id)
    if zone:
        lies_within = _lies_within(target, zone)
        there = any((one["Name"], one["Type"]) == (target, record["Type"]) for one in route53._records.get(zone_id, []))
    elif target.endswith(".elb.amazonaws.com.") or zone_id == _LOAD_BALANCERS:
        lies_within = zone_id == _LOAD_BALANCERS and target.endswith(".elb.amazonaws.com.")
        name = target.removeprefix("dualstack.").removesuffix(".")
        there = lies_within and any(balancer["DNSName"].lower() == name for balancer in alb._lbs.all_values())
    else:
        return
    tried = f"Tried to create an alias that targets {target}, type {record['Type']} in zone {zone_id}, but"
    if not lies_within:
        yield f"{tried} the alias target name does not lie within the target zone"
    if not there:
        yield f"{tried} that target was not found"


def _conflicts(record, zone, others):
    """Why a record set cannot exist together with the others of its zone."""
    name, kind, identifier = record["Name"], record["Type"], record.get("SetIdentifier")
    of_the_name = [one for one in others if one["Name"] == name]
    alike = [one for one in of_the_name if one["Type"] == kind]
    policy = next((one for one in _POLICIES if one in record), None)
    if policy == "Weight" and any(policy not in one for one in alike):
        yield (
            f"RRSet with DNS name {name}, type {kind}, SetIdentifier {identifier} cannot be created as a non-weighted "
            "set exists with the same name and type."
        )
    elif any(policy is None or policy not in one for one in alike):
        reason = "cannot be created as other RRSets exist with the same name and type."
        yield f"RRSet with DNS name {name}, type {kind} {reason}"
    if kind == "CNAME" and len(of_the_name) > len(alike):
        yield (
            f"RRSet of type CNAME with DNS name {name} is not permitted as it conflicts with other records with the "
            f"same DNS name in zone {zone['name']}"
        )
    elif any(one["Type"] == "CNAME" for one in of_the_name if one not in alike):
        yield (
            f"RRSet of type {kind} with DNS name {name} is not permitted because a conflicting RRSet of type CNAME "
            f"with the same DNS name already exists in zone {zone['name']}"
        )


def _problems(action, record, zone, current):
    """Why a change cannot be made to the zone with its current record sets."""
    key = route53._rs_key(record)
    existing = next((one for one in current if route53._rs_key(one) == key), None)
    identifier = f", set-identifier='{key[2]}'" if key[2] else ""
    named = f"resource record set [name='{key[0]}', type='{key[1]}'{identifier}]"
    if action == "DELETE":
        if existing is None:
            yield f"Tried to delete {named} but it was not found"
        elif route53._rs_values(existing) != route53._rs_values(record):
            yield f"Tried to delete {named} but the values provided do not match the current values"
        return
    if not _lies_within(record["Name"], zone):
        yield f"RRSet with DNS name {record['Name']} is not permitted in zone {zone['name']}"
    if action == "CREATE" and existing:
        yield f"Tried to create {named} but it already exists"
    else:
        yield from _conflicts(record, zone, [one for one in current if one is not existing])
    if "AliasTarget" in record:
        yield from _alias_problems(record)


def _refusal(zone, changes):
    """The error for a batch of changes that cannot be made; None if it can."""
    for change in changes:
        reason = _malformed(*change)
        if reason:
            return route53._error_response("InvalidInput", reason)
    current, problems = list(route53._records.get(zone["id"], [])), []
    for action, record in changes:
        found = list(_problems(action, record, zone, current))
        problems += found
        if not found:
            current = [one for one in current if route53._rs_key(one) != route53._rs_key(record)]
            current += [record] if action != "DELETE" else []
    return route53._error_response("InvalidChangeBatch", f"[{', '.join(problems)}]") if problems else None


@wraps(route53, "_change_resource_record_sets")
def a_batch_of_changes_is_checked(change_resource_record_sets, zone_id, body):
    """AWS: refuses an incomplete record set with InvalidInput. Refuses with InvalidChangeBatch, and every reason, a
    record set that is outside of the zone, that has another routing policy than others of its name and type, that would
    be beside a CNAME, or that is an alias whose target does not exist.

    MiniStack: accepts them.
    """
    zone = route53._zones.get(zone_id)
    with _changing:
        refusal = _refusal(zone, list(_changes(body))) if zone else None
        return refusal or change_resource_record_sets(zone_id, body)


@wraps(provisioners, "_r53_hosted_zone_delete", provisioners._RESOURCE_HANDLERS["AWS::Route53::HostedZone"])
def a_zone_with_records_is_not_deleted(delete_hosted_zone, zone_id, properties):
    """AWS: CloudFormation fails to delete a hosted zone that has more record sets than it was created with.

    MiniStack: deletes them with the zone.
    """
    status, _, body = route53._delete_hosted_zone(zone_id)
    if status == 400:
        raise ValueError(route53._text(route53._find(route53._parse_body(body), "Error"), "Message"))
    delete_hosted_zone(zone_id, properties)


@wraps(iam_actions, "request_tag_context")
def the_changes_are_condition_keys(request_tag_context, service, action, body, params):
    """AWS: the names, types and actions of the changes are condition keys of route53:ChangeResourceRecordSets. A name
    has the form of `a_name_has_one_form`, without the dot at its end.

    MiniStack: does not have these keys.
    """
    context = request_tag_context(service, action, body, params)
    if action == "route53:ChangeResourceRecordSets":
        changes = list(_changes(body))
        names = sorted({record["Name"].removesuffix(".") for _, record in changes})
        context["route53:ChangeResourceRecordSetsNormalizedRecordNames"] = names
        context["route53:ChangeResourceRecordSetsRecordTypes"] = sorted({record["Type"] for _, record in changes})
        context["route53:ChangeResourceRecordSetsActions"] = sorted({action for action, _ in changes})
    return context
