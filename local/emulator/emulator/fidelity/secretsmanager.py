"""Secrets Manager: descriptions and lists of secrets."""

import base64
import json

from ministack.core.responses import error_response_json
from ministack.services import secretsmanager

from emulator.fidelity.nulls import without_nulls
from emulator.mend import wraps

_LARGEST_PAGE = 100


@wraps(secretsmanager, "_filter_secret_names")
def the_filter_by_name_matches_the_beginning(filter_secret_names, names, filters):
    """AWS: the filter `name` matches the beginning of a name, and upper and lower case differ.

    MiniStack: it matches any part of a name, in any case.
    """
    for one in filters:
        if one.get("Key") == "name":
            names = [name for name in names if name.startswith(tuple(one.get("Values") or []))]
    return filter_secret_names(names, [one for one in filters if one.get("Key") != "name"])


@wraps(secretsmanager, "_list_secrets")
def secrets_come_in_pages(list_secrets, data):
    """AWS: gives pages of at most MaxResults, which is 100 at most. A deletion between two pages hides nothing from the
    second.

    MiniStack: accepts any MaxResults. Its token is the number of secrets on the pages before, so that a deletion hides
    one.
    """
    if not 1 <= (data.get("MaxResults") or _LARGEST_PAGE) <= _LARGEST_PAGE:
        reason = f"'{data['MaxResults']}' at 'maxResults' must be between 1 and {_LARGEST_PAGE}"
        return error_response_json("ValidationException", reason, 400)
    request = {field: value for field, value in data.items() if field != "NextToken"}
    if data.get("NextToken"):
        going = data.get("IncludePlannedDeletion")
        listed = [name for name, secret in secretsmanager._secrets.items() if going or not secret.get("DeletedDate")]
        names = secretsmanager._filter_secret_names(listed, data.get("Filters") or [])
        earlier = sum(name <= data["NextToken"] for name in names)
        request["NextToken"] = base64.b64encode(str(earlier).encode()).decode()
    status, headers, body = list_secrets(request)
    answer = json.loads(body)
    if "NextToken" in answer:
        answer["NextToken"] = answer["SecretList"][-1]["Name"]
    return status, headers, json.dumps(answer).encode()


def what_a_secret_lacks_is_left_out(name):
    """AWS: leaves out what a secret does not have, such as LastAccessedDate of one that was never read.

    MiniStack: gives null.
    """

    @wraps(secretsmanager, name)
    def described(original, data):
        return without_nulls(original(data))


for _name in ("_describe_secret", "_list_secrets"):
    what_a_secret_lacks_is_left_out(_name)
