"""What security groups let through."""

import ipaddress


def networks_of(subnets):
    """The addresses of subnets."""
    return [ipaddress.ip_network(subnet["CidrBlock"]) for subnet in subnets]


def covers(rule, port):
    """Whether a rule is about a TCP port."""
    if rule["IpProtocol"] == "-1":
        return True
    return rule["IpProtocol"] in ("tcp", "6") and rule.get("FromPort", 0) <= port <= rule.get("ToPort", 65535)


def _names(rule, groups, networks):
    """Whether a rule names one of the groups, or all of the addresses.

    What a prefix list contains is not read: whoever has made such a rule is believed.
    """
    if rule.get("PrefixListIds") or {pair.get("GroupId") for pair in rule.get("UserIdGroupPairs", [])} & set(groups):
        return True
    ranges = [ipaddress.ip_network(found["CidrIp"], strict=False) for found in rule.get("IpRanges", [])]
    return bool(networks) and all(any(inner.subnet_of(outer) for outer in ranges) for inner in networks)


def admits(groups, sources, port, networks):
    """Whether one of the groups lets in what has one of the groups `sources` and is in the networks."""
    return any(
        covers(rule, port) and _names(rule, sources, networks)
        for group in groups
        for rule in group.get("IpPermissions", [])
    )


def lets_out(sources, groups, port, networks):
    """Whether one of the groups `sources` lets out what goes to `groups` in the networks."""
    ids = [group["GroupId"] for group in groups]
    return any(
        covers(rule, port) and _names(rule, ids, networks)
        for source in sources
        for rule in source.get("IpPermissionsEgress", [])
    )
