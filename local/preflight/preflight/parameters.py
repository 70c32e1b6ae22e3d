"""The stack's parameters: those of the stack, of samconfig.toml, and of the command line."""

import shlex
import tomllib


def parse(text):
    """The parameters in a text such as `Environment=dev Domain=dev.example.com`, as `sam deploy` reads it."""
    return parse_words(shlex.split(text))


def parse_words(words):
    """The parameters in words such as `Environment=dev`."""
    found = {}
    for word in words:
        name, separator, value = word.partition("=")
        if not separator:
            raise ValueError(f"{word!r} is no parameter: write Name=value")
        found[name] = value.strip('"')
    return found


def of_samconfig(path, environment):
    """The parameters and the region that `sam deploy --config-env <environment>` takes from samconfig.toml."""
    if not path.exists():
        return {}, None
    section = tomllib.loads(path.read_text()).get(environment, {}).get("deploy", {}).get("parameters", {})
    overrides = section.get("parameter_overrides", "")
    return parse(overrides if isinstance(overrides, str) else shlex.join(overrides)), section.get("region")


def merge(defaults, samconfig, stack, given):
    """The parameters to check with, and the names of those that a deployment would change.

    Before the deployment they are what a deployment would set. After it, they are what the stack has, except for those
    of the command line.
    """
    unknown = sorted(set(given) - set(defaults))
    if unknown:
        raise ValueError(f"template.yaml has no parameter {', '.join(unknown)}")
    if stack is None:
        return defaults | samconfig | given, []
    current = defaults | stack | given
    changes = {name for name, value in samconfig.items() if current.get(name) != value and name not in given}
    return current, sorted(changes)
