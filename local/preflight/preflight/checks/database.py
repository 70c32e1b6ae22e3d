"""The database server, as RDS describes it. Nothing connects to it."""

import datetime

from preflight.results import check, ok, problem, warning

GUIDE = "docs/deploying.md, step 1"


@check("database server", GUIDE)
def server(here):
    """Its state, version, and the end of its certificate."""
    found = here.database
    name, version = found["DBInstanceIdentifier"], found["EngineVersion"]
    shown = f"{name}: {found['Engine']} {version}, {found['DBInstanceStatus']}"
    numbers = [int(part) for part in version.split(".")[:2] if part.isdigit()]
    if found["DBInstanceStatus"] != "available":
        yield problem(shown, "wait until it is available")
    elif numbers < ([10, 6] if found["Engine"] == "mariadb" else [8]):
        yield problem(shown, "upgrade to MySQL 8 or MariaDB 10.6")
    else:
        yield ok(shown)
    if found.get("PubliclyAccessible"):
        yield warning(f"{name} is publicly accessible", "turn that off: tenants' data are in it")
    ends = found.get("CertificateDetails", {}).get("ValidTill")
    if ends and ends - datetime.datetime.now(datetime.UTC) < datetime.timedelta(days=60):
        yield warning(f"the certificate of {name} ends on {ends:%Y-%m-%d}", "rotate the bundle first: step 3")


@check("settings of the database server", GUIDE)
def settings(here):
    """Two settings that make a tenant's grants useless or refuse its connections."""
    wanted = ("require_secure_transport", "partial_revokes", "max_connections")
    for group in here.database.get("DBParameterGroups", []):
        name = group["DBParameterGroupName"]
        found = here.aws.all("rds", "describe_db_parameters", "Parameters", DBParameterGroupName=name)
        values = {
            one["ParameterName"]: one.get("ParameterValue", "") for one in found if one["ParameterName"] in wanted
        }
        is_on = {key for key, value in values.items() if value.upper() in ("1", "ON")}
        if "partial_revokes" in is_on:
            yield problem(f"{name}: partial_revokes is on, so grants on `<id>\\_db` are useless", "turn it off")
        if "require_secure_transport" in is_on and not here.given("DatabaseCaBundle"):
            yield problem(
                f"{name}: require_secure_transport is on, and sites connect in plain text", "set DatabaseCaBundle"
            )
        shown = ", ".join(f"{key}={value}" for key, value in sorted(values.items()) if value)
        yield ok(f"{name}: {shown or 'the engine defaults'}")
