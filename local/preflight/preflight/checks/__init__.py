"""The checks, in the order in which a first day meets their subjects."""

from preflight.checks import (  # noqa: F401, I001 - imported in the order in which they are shown
    account,
    parameters,
    prerequisites,
    roles,
    quotas,
    network,
    security_groups,
    database,
    tls,
    deployment,
    permissions,
    functions,
)
