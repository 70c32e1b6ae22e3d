"""Combinations of parameters that a deployment accepts and that fail later."""

from preflight.results import check, ok, problem, warning

GUIDE = "docs/deploying.md, step 5"


@check("parameters", GUIDE)
def parameters(here):
    """What belongs together, and what no real account should set."""
    given, found = here.given, []
    if not given("Domain"):
        found.append(problem("Domain has no value", "set it in samconfig.toml"))
    if bool(here.listed("LambdaSubnetIds")) != bool(here.listed("LambdaSecurityGroupIds")):
        found.append(problem("only one of LambdaSubnetIds and LambdaSecurityGroupIds is set", "set both or neither"))
    if given("FilesAccessPointArn") and not here.listed("LambdaSubnetIds"):
        found.append(warning("FilesAccessPointArn has no effect without LambdaSubnetIds", "set LambdaSubnetIds"))
    if given("DatabaseAccess") == "lambda" and not here.listed("LambdaSubnetIds"):
        remedy = "set LambdaSubnetIds and LambdaSecurityGroupIds, or DatabaseAccess=ecs-task"
        found.append(warning("functions outside a VPC reach only a server that is open to the internet", remedy))
    if given("DatabaseAllowPlaintext") == "true":
        found.append(warning("functions may connect to the database without TLS", "set DatabaseAllowPlaintext=false"))
    if given("AwsEndpointUrl"):
        found.append(problem("AwsEndpointUrl leads the functions away from AWS", "leave AwsEndpointUrl empty"))
    bundle, layer = given("DatabaseCaBundle"), given("DatabaseCaLayer")
    if not bundle and given("DatabaseAllowPlaintext") != "true" and given("DatabaseAccess") == "lambda":
        found.append(problem("functions have no CA for the database server", "set DatabaseCaBundle, see step 3"))
    if bundle.startswith("/opt/") and not layer:
        remedy = "publish the layer of step 3 and set DatabaseCaLayer"
        found.append(problem(f"no layer contains {bundle}: DatabaseCaLayer is empty", remedy))
    return found or ok("they fit together")


@check("peers", "docs/deploying.md, step 8")
def peers(here):
    """The defaults name the runbook's accounts, which may start deletions here."""
    own = f"{here.environment.capitalize()}Peer"
    if here.given(own) and not here.given(own).startswith(f"{here.account}:{here.region}"):
        remedy = f"set {own}={here.account}:{here.region}, and the other peers to your accounts or to nothing"
        return problem(f"{own} is {here.given(own)}, and this is {here.account}:{here.region}", remedy)
    named = [f"{name} {here.given(name)}" for name in ("DevPeer", "SitPeer", "ProdPeer") if here.given(name)]
    return ok("may start deletions here: " + (", ".join(named) or "no other environment"))


@check("parameters of the next deployment", GUIDE, after=True)
def changes(here):
    """After the deployment, the checks use what the stack has."""
    if here.changes:
        remedy = "deploy, or leave it if the command line sets them; the checks use what the stack has"
        return warning(f"samconfig.toml has other values than the stack: {', '.join(here.changes)}", remedy)
    return ok("the stack has the parameters of samconfig.toml")
