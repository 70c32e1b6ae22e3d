"""Simple Storage Service."""

import re

from ministack import app
from ministack.core import iam_evaluator
from ministack.core.responses import get_region
from ministack.services import s3
from ministack.services.cloudformation import provisioners

from emulator.mend import wraps


def _may_list(bucket, headers, query):
    """Whether the caller may list the bucket. MiniStack's own calls have no credentials, and may."""
    caller = s3.extract_access_key_id(headers, query)
    if not app.AUTH or not caller:
        return True
    return not iam_evaluator.enforce(caller, "s3:ListBucket", "s3", get_region(), f"arn:aws:s3:::{bucket}")


def a_missing_object_is_denied_to_callers_that_may_not_list(name):
    """AWS: a missing object is NoSuchKey to a caller that may list the bucket, and AccessDenied to others.

    MiniStack: it is always NoSuchKey.
    """

    @wraps(s3, name)
    def read(original, bucket, key, headers=None, query=None):
        answer = original(bucket, key, headers or {}, query or {})
        if answer[0] == 404 and bucket in s3._buckets and not _may_list(bucket, headers or {}, query):
            status, denial, body = s3._error("AccessDenied", "Access Denied", 403, f"/{bucket}/{key}")
            return status, denial, b"" if name == "_head_object" else body
        return answer


for _name in ("_get_object", "_head_object"):
    a_missing_object_is_denied_to_callers_that_may_not_list(_name)


_MOST_KEYS = 1000


def lists_come_in_pages(name):
    """AWS: gives pages of at most 1000 keys.

    MiniStack: gives as many as are asked for.
    """

    @wraps(s3, name)
    def listed(original, bucket, query):
        keys = s3._qp(query, "max-keys", "0")
        too_many = keys.isdigit() and int(keys) > _MOST_KEYS
        return original(bucket, {**query, "max-keys": [str(_MOST_KEYS)]} if too_many else query)


for _name in ("_list_objects_v1", "_list_objects_v2", "_list_object_versions"):
    lists_come_in_pages(_name)


@wraps(s3, "_delete_objects")
def a_call_deletes_no_more_than_1000_objects(delete_objects, bucket, body, headers=None):
    """AWS: refuses a call with more than 1000 keys with MalformedXML.

    MiniStack: deletes any number.
    """
    if len(re.findall(rb"<(?:\w+:)?Object[\s>]", body or b"")) > _MOST_KEYS:
        return s3._error("MalformedXML", s3._MALFORMED_XML, 400)
    return delete_objects(bucket, body, headers)


@wraps(iam_evaluator, "_resolve_condition_key")
def every_call_counts_as_made_by_tls(resolve_condition_key, key, context):
    """AWS: the policy of a bucket may deny calls without TLS. The SDKs make none.

    MiniStack: is called by plain HTTP on the same machine, so that such a policy would deny every call.
    """
    return "true" if key.lower() == "aws:securetransport" else resolve_condition_key(key, context)


def _numbers(fields):
    """Makes numbers of the texts in which CloudFormation may give them."""
    return {name: int(value) if str(value).isdigit() else value for name, value in fields.items()}


def _lifecycle_rule(rule):
    """A rule of CloudFormation's LifecycleConfiguration in the form of the API. What moves objects is left out."""
    kept = {"Status": rule.get("Status", "Enabled"), "Filter": {"Prefix": rule.get("Prefix", "")}}
    if "Id" in rule:
        kept["ID"] = rule["Id"]
    if "ExpirationInDays" in rule:
        kept["Expiration"] = _numbers({"Days": rule["ExpirationInDays"]})
    for field in ("NoncurrentVersionExpiration", "AbortIncompleteMultipartUpload"):
        if field in rule:
            kept[field] = _numbers(rule[field])
    return kept


@wraps(provisioners, "_s3_apply_configurations")
def a_bucket_has_its_lifecycle(apply_configurations, name, properties, *before):
    """AWS: CloudFormation sets the LifecycleConfiguration of a bucket.

    MiniStack: ignores it.
    """
    apply_configurations(name, properties, *before)
    rules = (properties.get("LifecycleConfiguration") or {}).get("Rules")
    if rules:
        s3._bucket_lifecycle[name] = [_lifecycle_rule(rule) for rule in rules]
    else:
        s3._bucket_lifecycle.pop(name, None)
