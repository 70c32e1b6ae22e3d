"""Secrets Manager: how secrets are listed."""

import base64
import json

from ministack.core.responses import error_response_json
from ministack.services import secretsmanager

from emulator.mend import wraps

_LARGEST_PAGE = 100


@wraps(secretsmanager, "_filter_secret_names")
def a_name_is_filtered_by_its_beginning(filter_secret_names, names, filters):
    """AWS: the filter `name` matches the beginning, with its case. MiniStack: any part, in any case."""
    for one in filters:
        if one.get("Key") == "name":
            names = [name for name in names if name.startswith(tuple(one.get("Values") or []))]
    return filter_secret_names(names, [one for one in filters if one.get("Key") != "name"])


@wraps(secretsmanager, "_list_secrets")
def secrets_come_in_pages(list_secrets, data):
    """AWS: pages of at most MaxResults, which is 100 at most. A deletion between two pages hides nothing from the
    second. MiniStack: counts the secrets that were on earlier pages, and takes any MaxResults.
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
