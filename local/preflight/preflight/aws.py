"""The only way to AWS: it makes the calls of the list in `calls`, and no other."""

import functools

import botocore.config
import botocore.exceptions

from preflight.calls import CALLS

# Longer than a function runs. `standard` retries throttled calls a few times.
_CONFIG = botocore.config.Config(
    connect_timeout=10, read_timeout=70, retries={"mode": "standard", "total_max_attempts": 4}
)
# A function is called once, so that a slow one is not called again while it runs.
_ONCE = botocore.config.Config(connect_timeout=10, read_timeout=70, retries={"total_max_attempts": 1})

# Bounds what is read of a list, so that a large account takes minutes and not hours.
_MOST_ITEMS = 20_000


class Aws:
    """Calls with the credentials of a boto3 session."""

    def __init__(self, session):
        self._session = session

    @functools.cache  # noqa: B019 - there is one object in a process
    def client(self, service):
        """The client of a service."""
        return self._session.client(service, config=_ONCE if service == "lambda" else _CONFIG)

    def call(self, service, operation, **parameters):
        """The answer to one call."""
        _allow(service, operation)
        return getattr(self.client(service), operation)(**parameters)

    def all(self, service, operation, member, **parameters):
        """The items of all pages of an answer. `member` is where they are in it."""
        _allow(service, operation)
        client = self.client(service)
        if not client.can_paginate(operation):
            return self.call(service, operation, **parameters).get(member, [])
        pages = client.get_paginator(operation).paginate(**parameters, PaginationConfig={"MaxItems": _MOST_ITEMS})
        return [item for page in pages for item in page.get(member, [])]

    def get(self, service, operation, absent, **parameters):
        """As `call`, but None if the answer is one of the errors in `absent`."""
        try:
            return self.call(service, operation, **parameters)
        except botocore.exceptions.ClientError as error:
            if error.response["Error"]["Code"] in absent:
                return None
            raise


def _allow(service, operation):
    if (service, operation) not in CALLS:
        raise ValueError(f"{service}.{operation} is not in the list of calls: add it to calls.py if it only reads")


def reason(error):
    """An error of AWS or of the way to it, in one line."""
    if isinstance(error, botocore.exceptions.ClientError):
        found = error.response["Error"]
        return f"{error.operation_name}: {found.get('Code')}: {found.get('Message', '')}".strip(": ")
    return f"{type(error).__name__}: {error}"
