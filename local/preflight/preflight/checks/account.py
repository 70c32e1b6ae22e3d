"""Where the calls go, and who makes them."""

from preflight.results import check, ok, problem, warning

GUIDE = "docs/deploying.md, step 2"


@check("account and region", "WrongAccount of resolve-environment")
def account(here):
    """The stack refuses to provision in another account or region."""
    found, expected = (here.account, here.region), here.expected
    if found == expected:
        return ok(f"{here.environment} is account {found[0]} in {found[1]}")
    remedy = "use the credentials and AWS_REGION of that account, or set ExpectedAccount and ExpectedRegion"
    return problem(f"account {found[0]} in {found[1]}; {here.environment} is {expected[0]} in {expected[1]}", remedy)


@check("caller", GUIDE)
def caller(here):
    """The root user has all permissions, and no policy can restrict it."""
    arn = here.aws.call("sts", "get_caller_identity")["Arn"]
    if arn.endswith(":root"):
        return warning(f"{arn} is the account's root user", "use a role with the policy of docs/first-day-on-aws.md")
    return ok(arn)
