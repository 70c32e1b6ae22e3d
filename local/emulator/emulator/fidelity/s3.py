"""Simple Storage Service, as AWS has it."""

import re

from ministack import app
from ministack.core import iam_evaluator
from ministack.core.responses import get_region
from ministack.services import s3
from ministack.services.cloudformation import provisioners

from emulator.mend import wraps


def _may_list(bucket, headers, query):
    """Whether the caller may list the bucket. MiniStack's own calls bear no credentials, and may."""
    caller = s3.extract_access_key_id(headers, query)
    if not app.AUTH or not caller:
        return True
    return not iam_evaluator.enforce(caller, "s3:ListBucket", "s3", get_region(), f"arn:aws:s3:::{bucket}")


def missing_objects_are_told_of_by_who_may_list(name):
    """AWS: a missing object is NoSuchKey to a caller who may list the bucket, and AccessDenied to others.
    MiniStack: NoSuchKey.
    """

    @wraps(s3, name)
    def read(original, bucket, key, headers=None, query=None):
        answer = original(bucket, key, headers or {}, query or {})
        if answer[0] == 404 and bucket in s3._buckets and not _may_list(bucket, headers or {}, query):
            status, denial, body = s3._error("AccessDenied", "Access Denied", 403, f"/{bucket}/{key}")
            return status, denial, b"" if name == "_head_object" else body
        return answer


for _name in ("_get_object", "_head_object"):
    missing_objects_are_told_of_by_who_may_list(_name)


_AT_ONCE = 1000


def lists_come_in_pages(name):
    """AWS: pages of 1000 keys at most. MiniStack: of any number that is asked for."""

    @wraps(s3, name)
    def listed(original, bucket, query):
        keys = s3._qp(query, "max-keys", "0")
        too_many = keys.isdigit() and int(keys) > _AT_ONCE
        return original(bucket, {**query, "max-keys": [str(_AT_ONCE)]} if too_many else query)


for _name in ("_list_objects_v1", "_list_objects_v2", "_list_object_versions"):
    lists_come_in_pages(_name)


@wraps(s3, "_delete_objects")
def so_many_objects_are_deleted_at_once(delete_objects, bucket, body, headers=None):
    """AWS: MalformedXML for more than 1000 keys in one call. MiniStack: deletes any number."""
    if len(re.findall(rb"<(?:\w+:)?Object[\s>]", body or b"")) > _AT_ONCE:
        return s3._error("MalformedXML", s3._MALFORMED_XML, 400)
    return delete_objects(bucket, body, headers)


@wraps(iam_evaluator, "_resolve_condition_key")
def every_call_is_by_tls(resolve_condition_key, key, context):
    """AWS: a bucket's policy may deny calls without TLS, and the SDKs make none. MiniStack: is called by plain HTTP on
    the same machine, so that such a policy would deny them all.
    """
    return "true" if key.lower() == "aws:securetransport" else resolve_condition_key(key, context)


def _numbers(fields):
    """CloudFormation may hand over a number as text."""
    return {name: int(value) if str(value).isdigit() else value for name, value in fields.items()}


def _lifecycle_rule(rule):
    """A rule of CloudFormation's LifecycleConfiguration as the API has it. Of its kinds, those that expire something."""
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
    """AWS: CloudFormation sets a bucket's LifecycleConfiguration. MiniStack: ignores it."""
    apply_configurations(name, properties, *before)
    rules = (properties.get("LifecycleConfiguration") or {}).get("Rules")
    if rules:
        s3._bucket_lifecycle[name] = [_lifecycle_rule(rule) for rule in rules]
    else:
        s3._bucket_lifecycle.pop(name, None)
