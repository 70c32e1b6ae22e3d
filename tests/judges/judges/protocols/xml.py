"""XML: the answers of query and ec2, and the bodies of rest-xml."""

from judges.protocols.text import UNKNOWN, name_in_model, names_of_members, scalar


def local_name(element):
    """The element's name without its namespace."""
    return element.tag.rpartition("}")[2]


def value(shape, element):
    """The value of the shape for an element."""
    match shape.type_name:
        case "structure":
            return _structure(shape, element)
        case "list":
            return [value(shape.member, child) for child in element]
        case "map":
            return _map(shape, list(element))
    return scalar(shape, element.text or "")


def _structure(shape, element, ignored=()):
    names = names_of_members(shape, _name)
    found = {}
    for child in element:
        name = local_name(child)
        if name in ignored:
            continue
        member = names.get(name)
        if member is None:
            found[UNKNOWN + name] = child.text
            continue
        member_shape = shape.members[member]
        if not member_shape.serialization.get("flattened"):
            found[member] = value(member_shape, child)
        elif member_shape.type_name == "map":
            found.setdefault(member, {}).update(_map(member_shape, [child]))
        else:
            found.setdefault(member, []).append(value(member_shape.member, child))
    for name, text in element.attrib.items():
        attribute = name.rpartition("}")[2]
        member = next((member for wire, member in names.items() if wire.rpartition(":")[2] == attribute), None)
        if member and shape.members[member].serialization.get("xmlAttribute"):
            found[member] = text
    return found


def members(shape, element, ignored=()):
    """The members of a structure whose element is the root of an answer; `ignored` belongs to the protocol."""
    return _structure(shape, element, ignored)


def _name(member_shape, name):
    # The name of a flattened list is that of its members.
    if member_shape.type_name == "list" and member_shape.serialization.get("flattened"):
        return member_shape.member.serialization.get("name", name_in_model(member_shape, name))
    return name_in_model(member_shape, name)


def _map(shape, entries):
    key_name, value_name = shape.key.serialization.get("name", "key"), shape.value.serialization.get("name", "value")
    found = {}
    for entry in entries:
        parts = {local_name(part): part for part in entry}
        if key_name in parts and value_name in parts:
            found[parts[key_name].text or ""] = value(shape.value, parts[value_name])
        else:
            found[UNKNOWN + local_name(entry)] = sorted(parts)
    return found
