"""What CloudFormation makes of its functions in a template, as far as policies use them."""

import re

# CloudFormation ends the names that it makes up with so many characters.
SUFFIX = 13

# What `Ref` (None) and `Fn::GetAtt` answer about a resource, and the property with its name. A "#" stands for a
# character that a service draws at random.
_IDENTIFIERS = {
    ("AWS::EFS::FileSystem", None): (None, "fs-#################"),
    ("AWS::IAM::ManagedPolicy", None): ("ManagedPolicyName", "arn:aws:iam::{account}:policy/{name}"),
    ("AWS::IAM::Role", "Arn"): ("RoleName", "arn:aws:iam::{account}:role/{name}"),
    ("AWS::Lambda::Function", "Arn"): ("FunctionName", "arn:aws:lambda:{region}:{account}:function:{name}"),
    ("AWS::Logs::LogGroup", None): ("LogGroupName", "{name}"),
    ("AWS::Logs::LogGroup", "Arn"): ("LogGroupName", "arn:aws:logs:{region}:{account}:log-group:{name}:*"),
    ("AWS::S3::Bucket", None): ("BucketName", "{name}"),
    ("AWS::S3::Bucket", "Arn"): ("BucketName", "arn:aws:s3:::{name}"),
    ("AWS::SNS::Topic", None): ("TopicName", "arn:aws:sns:{region}:{account}:{name}"),
    ("AWS::SQS::Queue", None): ("QueueName", "https://sqs.{region}.amazonaws.com/{account}/{name}"),
    ("AWS::SQS::Queue", "Arn"): ("QueueName", "arn:aws:sqs:{region}:{account}:{name}"),
    ("AWS::SecretsManager::Secret", None): ("Name", "arn:aws:secretsmanager:{region}:{account}:secret:{name}-######"),
    ("AWS::SecretsManager::Secret", "Id"): ("Name", "arn:aws:secretsmanager:{region}:{account}:secret:{name}-######"),
    ("AWS::StepFunctions::StateMachine", None): (
        "StateMachineName",
        "arn:aws:states:{region}:{account}:stateMachine:{name}",
    ),
}


class _Removed:
    """What `AWS::NoValue` leaves."""


class Resolver:
    """CloudFormation's functions, as far as policies use them."""

    def __init__(self, template, stack):
        self.template, self.stack = template, stack
        defaults = {name: declared.get("Default") for name, declared in template.get("Parameters", {}).items()}
        self.values = defaults | stack.parameters
        self.pseudo = {
            "AWS::Partition": "aws",
            "AWS::Region": stack.region,
            "AWS::AccountId": stack.account,
            "AWS::StackName": stack.name,
            "AWS::NoValue": _Removed,
        }

    def __call__(self, value):
        """A part of the template with nothing left to resolve."""
        if isinstance(value, list):
            return [found for found in map(self, value) if found is not _Removed]
        if not isinstance(value, dict):
            return value
        if len(value) == 1:
            ((name, argument),) = value.items()
            function = getattr(self, f"_{name.replace('::', '_').lower()}", None)
            if function:
                return function(argument)
        found = {name: self(member) for name, member in value.items()}
        return {name: member for name, member in found.items() if member is not _Removed}

    def _ref(self, name):
        if name in self.pseudo:
            return self.pseudo[name]
        if name in self.values:
            value, declared = self.values[name], self.template["Parameters"][name]
            if value is None:
                raise ValueError(f"the parameter {name} of stack {self.stack.name} has no value: give it one")
            listed = declared["Type"].startswith(("CommaDelimitedList", "List<"))
            return str(value).split(",") if listed else str(value)
        return self._identifier(name, None)

    def _fn_getatt(self, argument):
        logical_id, attribute = argument.split(".", 1) if isinstance(argument, str) else argument
        return self._identifier(logical_id, attribute)

    def _fn_sub(self, argument):
        text, given = (argument, {}) if isinstance(argument, str) else argument

        def value(match):
            name = match[1]
            if name.startswith("!"):
                return "${" + name[1:] + "}"
            if name in given:
                return str(self(given[name]))
            return str(self._fn_getatt(name) if "." in name else self._ref(name))

        return re.sub(r"\$\{([^}]+)\}", value, text)

    def _fn_join(self, argument):
        separator, parts = argument
        return separator.join(map(str, self(parts)))

    def _fn_split(self, argument):
        separator, text = argument
        return str(self(text)).split(separator)

    def _fn_select(self, argument):
        index, values = argument
        return self(values)[int(self(index))]

    def _fn_findinmap(self, argument):
        name, first, second = map(self, argument)
        return self.template["Mappings"][name][first][second]

    def _fn_if(self, argument):
        name, then, otherwise = argument
        return self(then if self._condition(name) else otherwise)

    def _condition(self, name):
        return self(self.template["Conditions"][name])

    def _fn_equals(self, argument):
        first, second = map(self, argument)
        return first == second

    def _fn_not(self, argument):
        return not self(argument[0])

    def _fn_and(self, argument):
        return all(map(self, argument))

    def _fn_or(self, argument):
        return any(map(self, argument))

    def _identifier(self, logical_id, attribute):
        """What `Ref` (no attribute) and `Fn::GetAtt` answer about a resource."""
        if logical_id not in self.template["Resources"]:
            raise ValueError(f"the template has no parameter or resource {logical_id}")
        resource = self.template["Resources"][logical_id]
        kind = resource["Type"]
        if (kind, attribute) not in _IDENTIFIERS:
            raise ValueError(f"{logical_id}: add to _IDENTIFIERS what {attribute or 'Ref'} of {kind} is")
        named_by, form = _IDENTIFIERS[kind, attribute]
        made_up = f"{self.stack.name}-{logical_id}-{'#' * SUFFIX}"
        name = str(self(resource.get("Properties", {}).get(named_by, made_up)))
        if kind == "AWS::S3::Bucket":
            name = name.lower()
        found = form.format(name=name, region=self.stack.region, account=self.stack.account)
        return found.replace("#", self.stack.unknown)
