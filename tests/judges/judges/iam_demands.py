"""What AWS demands of whoever creates something with tags: the permission to tag it.

Sources: the pages "Grant permission to tag resources on creation" of ECS, EFS and Elastic Load Balancing, and
"Actions, resources, and condition keys" of each service.
"""

import dataclasses

# Stands for an id that AWS chooses when something is created.
_ID = "0123456789abcdef0"


@dataclasses.dataclass(frozen=True)
class Check:
    """An action on a resource that IAM has to decide about, with the request's condition keys in lower case."""

    action: str
    resource: str
    context: tuple

    @classmethod
    def of(cls, action, resource, context):
        """A check with condition keys from a dictionary."""
        keys = sorted(context.items())
        return cls(action, resource, tuple((k, tuple(v) if isinstance(v, list) else v) for k, v in keys))

    def keys(self):
        """The condition keys as a dictionary."""
        return {key: list(value) if isinstance(value, tuple) else value for key, value in self.context}


def tagging(check):
    """The further checks that a creation with tags needs."""
    keys = check.keys()
    if not keys.get("aws:tagkeys"):
        return []
    service, _, operation = check.action.partition(":")
    action, resources = _tagged(check.action, check.resource, keys)
    return [Check.of(action, arn, {**keys, f"{service}:createaction": operation}) for arn in resources]


def _tagged(action, resource, keys):
    """The action that tags, and the resources on which it is checked."""
    parent = resource.rpartition("/")[0].rpartition(":")[0]
    match action:
        case "ecs:RegisterTaskDefinition":
            # Some of AWS's denials name the family without a revision.
            return "ecs:TagResource", [resource, resource.rpartition(":")[0]]
        case "ecs:CreateService":
            return "ecs:TagResource", [resource]
        case "ecs:RunTask":
            cluster = keys["ecs:cluster"].rpartition("/")[2]
            return "ecs:TagResource", [f"{parent}:task/{cluster}/{_ID}"]
        case "elasticfilesystem:CreateAccessPoint":
            # The reference lists both as resource types of TagResource, and AWS's own solutions grant both.
            return "elasticfilesystem:TagResource", [resource, f"{parent}:access-point/fsap-{_ID}"]
        case "elasticloadbalancing:CreateTargetGroup":
            return "elasticloadbalancing:AddTags", [resource]
        case "elasticloadbalancing:CreateRule":
            rule = resource.replace(":listener/", ":listener-rule/")
            return "elasticloadbalancing:AddTags", [f"{rule}/{_ID}"]
        case "iam:CreateRole":
            return "iam:TagRole", [resource]
        case "secretsmanager:CreateSecret":
            return "secretsmanager:TagResource", [resource]
        case "logs:CreateLogGroup":
            return "logs:TagResource", [resource]
    return None, []
