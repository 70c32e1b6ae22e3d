"""What visitors meet first: DNS and the certificate."""

import datetime
import socket

from preflight.results import check, ok, problem, unchecked, warning

GUIDE = "docs/deploying.md, step 1"


@check("certificates", GUIDE)
def certificates(here):
    """A listener may have several; one must be for the tenants' hosts."""
    wanted = f"*.{here.given('Domain')}".lower()
    for listener, balancer in here.listeners:
        name = balancer["LoadBalancerName"]
        if listener["Protocol"] != "HTTPS":
            yield unchecked(f"{name} has no HTTPS listener: sites are served without TLS")
            continue
        arn = listener["ListenerArn"]
        found = here.aws.all("elbv2", "describe_listener_certificates", "Certificates", ListenerArn=arn)
        arns = {one["CertificateArn"] for one in [*found, *listener.get("Certificates", [])] if "CertificateArn" in one}
        yield _best([_certificate(here, arn, wanted) for arn in sorted(arns)], f"{name}: no certificate for {wanted}")


def _certificate(here, arn, wanted):
    if not arn.startswith("arn:aws:acm:"):
        return unchecked(f"{arn} is not in ACM")
    found = here.aws.call("acm", "describe_certificate", CertificateArn=arn)["Certificate"]
    hosts = {host.lower() for host in [found.get("DomainName", ""), *found.get("SubjectAlternativeNames", [])]}
    if wanted not in hosts:
        return None
    if found["Status"] != "ISSUED":
        return problem(f"{arn} is {found['Status']}", "finish its validation: the record that ACM names must be in DNS")
    ends = found.get("NotAfter")
    left = ends - datetime.datetime.now(datetime.UTC) if ends else None
    if left is not None and left < datetime.timedelta(days=30):
        renewal = found.get("RenewalSummary", {}).get("RenewalStatus", found.get("RenewalEligibility", "unknown"))
        return warning(f"{wanted} ends on {ends:%Y-%m-%d}; its renewal: {renewal}", "look at its validation records")
    return ok(f"{wanted}, until {ends:%Y-%m-%d}" if ends else wanted)


def _best(results, otherwise):
    """The result of the certificate that clients get: the best one."""
    order = {"ok": 0, "warning": 1, "problem": 2, "not checked": 3}
    known = sorted((one for one in results if one), key=lambda one: order[one.verdict])
    return known[0] if known else problem(otherwise, "request one in ACM and add it to the listener")


@check("DNS", GUIDE)
def dns(here):
    """Asks this machine's resolver. Provisioning does not need the answer, but visitors do."""
    if here.given("HostedZoneId"):
        return _delegated(here)
    host = f"000000000000.{here.given('Domain')}"
    addresses = _addresses(host)
    remedy = f"create a record *.{here.given('Domain')}, an alias of the load balancer"
    if not addresses:
        return warning(f"{host} is not found from here, so no tenant's host is", remedy)
    balancers = [balancer["DNSName"] for _, balancer in here.listeners]
    known = set().union(*map(_addresses, balancers))
    if known and not addresses & known:
        found = f"{host} leads to {', '.join(sorted(addresses))}, which is not {', '.join(balancers)}"
        return warning(found, f"{remedy}, unless something else stands before it")
    return ok(f"{host} leads to {', '.join(sorted(addresses))}")


def _delegated(here):
    """Whether the world sees the zone: any of its address records must be found."""
    zone_id, domain = here.given("HostedZoneId"), here.given("Domain")
    records = here.aws.all("route53", "list_resource_record_sets", "ResourceRecordSets", HostedZoneId=zone_id)
    hosts = [one["Name"].rstrip(".") for one in records if one["Type"] == "A"]
    if not hosts:
        remedy = f"compare `dig NS {domain}` with the name servers of the zone"
        return unchecked(f"zone {zone_id} has no address records yet, so its delegation cannot be tried", remedy)
    host = hosts[0].replace("\\052", "000000000000")
    if _addresses(host):
        return ok(f"{host} is found from here")
    remedy = "create NS records for it in the domain above, with the name servers of the zone"
    return warning(f"{host} is in the zone {zone_id}, and is not found from here", remedy)


def _addresses(host):
    try:
        return {found[4][0] for found in socket.getaddrinfo(host, 443, type=socket.SOCK_STREAM)}
    except OSError:
        return set()
