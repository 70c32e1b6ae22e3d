"""AWS's models, as botocore has them: which operation a recorded call is of."""

import functools
from dataclasses import dataclass

from botocore.exceptions import UnknownServiceError
from botocore.model import OperationModel, OperationNotFoundError, ServiceModel
from botocore.session import get_session

from judges.protocols import form, rest

# The names of botocore for names in signatures that are not botocore's own.
_NAMES = {
    "elasticloadbalancing": ("elbv2", "elb"),
    "elasticfilesystem": ("efs",),
    "states": ("stepfunctions",),
    "monitoring": ("cloudwatch",),
    "tagging": ("resourcegroupstaggingapi",),
}


@functools.cache
def service(name) -> ServiceModel:
    """The model of a service by botocore's name."""
    return get_session().get_service_model(name)


class UnknownOperationError(Exception):
    """No model has the operation of a call."""


@dataclass(frozen=True)
class Call:
    """A recorded call whose operation is known."""

    line: dict
    operation: OperationModel
    # The form that the body is, for the protocols that have one.
    form: dict | None = None

    @property
    def name(self):
        """Service and operation, such as `ecs:CreateService`."""
        return f"{self.line['service']}:{self.operation.name}"

    @property
    def protocol(self):
        """The protocol of the call."""
        if self.form is not None:
            return "ec2" if self.operation.service_model.metadata["protocol"] == "ec2" else "query"
        if "x-amz-target" in self.line["headers"]:
            return "json"
        return self.operation.service_model.metadata["protocol"]


def call(line):
    """The call of a line; UnknownOperationError if AWS has no such operation."""
    last = None
    for name in _NAMES.get(line["service"], (line["service"],)):
        try:
            return _call(service(name), line)
        except UnknownServiceError:
            raise UnknownOperationError(f"AWS has no service {line['service']}") from None
        except UnknownOperationError as error:
            last = last or error
    raise last


def _call(model, line):
    metadata, headers = model.metadata, line["headers"]
    target = headers.get("x-amz-target")
    if target is not None:
        prefix, _, operation = target.rpartition(".")
        if prefix != metadata.get("targetPrefix"):
            raise UnknownOperationError(f"the target is {target}, and should begin with {metadata.get('targetPrefix')}")
        return Call(line, _operation(model, operation))
    if metadata["protocol"].startswith("rest-"):
        operation = rest.operation(model, line)
        if operation is None:
            raise UnknownOperationError(f"no operation is at {line['method']} {line['path']}")
        return Call(line, model.operation_model(operation))
    if not headers.get("content-type", "").startswith("application/x-www-form-urlencoded"):
        raise UnknownOperationError(f"{line['method']} {line['path']} is in none of the protocols that are judged")
    fields = form.fields(line["body"] or "")
    if fields.get("Version") != metadata["apiVersion"]:
        raise UnknownOperationError(f"the version is {fields.get('Version')}, and should be {metadata['apiVersion']}")
    return Call(line, _operation(model, fields.get("Action", "")), fields)


def _operation(model, name):
    try:
        return model.operation_model(name)
    except OperationNotFoundError:
        raise UnknownOperationError(f"{model.service_name} has no operation {name!r}") from None
