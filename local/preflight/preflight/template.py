"""template.yaml with the parameters of a deployment, as far as the checks ask for it."""

import functools
import pathlib
import re

import yaml

PATH = pathlib.Path(__file__).parents[3] / "template.yaml"

_FUNCTION, _MACHINE = "AWS::Serverless::Function", "AWS::Serverless::StateMachine"

# What `Fn::GetAtt` … `Arn` is, from the name.
_ARNS = {
    _FUNCTION: "arn:aws:lambda:{region}:{account}:function:{name}",
    "AWS::IAM::Role": "arn:aws:iam::{account}:role/{name}",
    "AWS::Logs::LogGroup": "arn:aws:logs:{region}:{account}:log-group:{name}:*",
    "AWS::S3::Bucket": "arn:aws:s3:::{name}",
    "AWS::SQS::Queue": "arn:aws:sqs:{region}:{account}:{name}",
    "AWS::SNS::Topic": "arn:aws:sns:{region}:{account}:{name}",
    _MACHINE: "arn:aws:states:{region}:{account}:stateMachine:{name}",
}
_NAMES = ("FunctionName", "Name", "QueueName", "TopicName", "RoleName", "LogGroupName", "BucketName", "AlarmName")
_NO_VALUE = object()


class _Loader(yaml.SafeLoader):
    """Reads CloudFormation's short forms, such as `!Sub`, as their long forms."""


def _long_form(loader, tag, node):
    if isinstance(node, yaml.ScalarNode):
        value = loader.construct_scalar(node)
    elif isinstance(node, yaml.SequenceNode):
        value = loader.construct_sequence(node, deep=True)
    else:
        value = loader.construct_mapping(node, deep=True)
    return {tag if tag in ("Ref", "Condition") else f"Fn::{tag}": value}


_Loader.add_multi_constructor("!", _long_form)


@functools.cache
def source():
    """The template, with nothing resolved."""
    return yaml.load(PATH.read_text(), _Loader)  # noqa: S506 - a subclass of the safe loader


def defaults():
    """The parameters' defaults. One without has None."""
    found = source()["Parameters"].items()
    return {name: None if "Default" not in declared else str(declared["Default"]) for name, declared in found}


def as_list(value):
    """A value of a policy, which may be a list or one element."""
    return value if isinstance(value, list) else [value]


class Template:
    """The template as deployed with parameters into an account and region."""

    def __init__(self, parameters, account, region, names=None):
        self.parameters, self.account, self.region = parameters, account, region
        # Asks for the names that CloudFormation has chosen, by logical id; none before the deployment.
        self._names = names or dict
        self._pseudo = {
            "AWS::Partition": "aws",
            "AWS::Region": region,
            "AWS::AccountId": account,
            "AWS::NoValue": _NO_VALUE,
        }

    def of_type(self, kind):
        """The resources of a type that this deployment has, resolved: logical id and properties."""
        for logical_id, resource in source()["Resources"].items():
            if resource["Type"] == kind and self._is_there(resource):
                yield logical_id, self.resolve(resource.get("Properties", {}))

    def functions(self):
        """The functions: logical id and properties."""
        return self.of_type(_FUNCTION)

    def machines(self):
        """The state machines: logical id and properties."""
        return self.of_type(_MACHINE)

    def rules(self):
        """The EventBridge rules, those of functions' events included: name and bus."""
        for _, properties in self.of_type("AWS::Events::Rule"):
            yield properties["Name"], properties.get("EventBusName", "default")
        for _, function in self.functions():
            for event in function.get("Events", {}).values():
                if event["Type"] == "EventBridgeRule":
                    yield event["Properties"]["RuleName"], event["Properties"].get("EventBusName", "default")

    def statements(self, properties):
        """The statements of a function's or a state machine's own policies, or of the role that it names."""
        policies = properties.get("Policies", [])
        role = properties.get("Role", "")
        for _, other in self.of_type("AWS::IAM::Role"):
            if role and role.endswith(f":role/{other.get('RoleName')}"):
                policies = [policy["PolicyDocument"] for policy in other.get("Policies", [])]
        return [statement for policy in policies for statement in policy["Statement"]]

    def resolve(self, value):
        """A part of the template with nothing left to resolve."""
        if isinstance(value, list):
            return [found for found in map(self.resolve, value) if found is not _NO_VALUE]
        if not isinstance(value, dict):
            return value
        if len(value) == 1:
            ((name, argument),) = value.items()
            function = getattr(self, f"_{name.removeprefix('Fn::').lower()}", None)
            if function and (name.startswith("Fn::") or name in ("Ref", "Condition")):
                return function(argument)
        found = {name: self.resolve(member) for name, member in value.items()}
        return {name: member for name, member in found.items() if member is not _NO_VALUE}

    def _is_there(self, resource):
        return "Condition" not in resource or self._condition(resource["Condition"])

    def _condition(self, name):
        # In policies, `Condition` is no function: its argument is an object.
        return (
            self.resolve(source()["Conditions"][name]) if isinstance(name, str) else {"Condition": self.resolve(name)}
        )

    def _ref(self, name):
        if name in self._pseudo:
            return self._pseudo[name]
        declared = source()["Parameters"].get(name)
        if declared is None:
            kind = source()["Resources"][name]["Type"]
            return self._getatt(f"{name}.Arn") if kind in (_MACHINE, "AWS::SNS::Topic") else self._name(name)
        value = self.parameters.get(name) or ""
        return value.split(",") if declared["Type"] == "CommaDelimitedList" else value

    def _name(self, logical_id):
        properties = source()["Resources"][logical_id].get("Properties", {})
        named = next((properties[name] for name in _NAMES if name in properties), None)
        if named:
            return self.resolve(named)
        # Before the deployment, CloudFormation has not chosen the name yet, and any will do.
        return self._names().get(logical_id, f"preflight-{logical_id.lower()}")

    def _getatt(self, argument):
        logical_id, attribute = argument.split(".", 1) if isinstance(argument, str) else argument
        kind = source()["Resources"][logical_id]["Type"]
        if attribute.endswith("Name"):
            return self._name(logical_id)
        if attribute != "Arn" or kind not in _ARNS:
            raise ValueError(f"add to _ARNS what {attribute} of {kind} is")
        return _ARNS[kind].format(region=self.region, account=self.account, name=self._name(logical_id))

    def _sub(self, argument):
        text, given = (argument, {}) if isinstance(argument, str) else argument

        def value(match):
            name = match[1]
            if name in given:
                return str(self.resolve(given[name]))
            return str(self._getatt(name) if "." in name else self._ref(name))

        return re.sub(r"\$\{([^}!]+)\}", value, text)

    def _join(self, argument):
        separator, parts = argument
        return separator.join(map(str, self.resolve(parts)))

    def _split(self, argument):
        separator, text = argument
        return str(self.resolve(text)).split(separator)

    def _select(self, argument):
        index, values = argument
        return self.resolve(values)[int(index)]

    def _findinmap(self, argument):
        name, first, second = map(self.resolve, argument)
        return source()["Mappings"][name][first][second]

    def _if(self, argument):
        name, then, otherwise = argument
        return self.resolve(then if self._condition(name) else otherwise)

    def _equals(self, argument):
        first, second = map(self.resolve, argument)
        return first == second

    def _not(self, argument):
        return not self.resolve(argument[0])

    def _and(self, argument):
        return all(map(self.resolve, argument))
