"""Pages of a list."""


def page_of(found, size, token=None, key=str, reverse=False):
    """One page of names or ARNs, and the token of the next page; None if this page is the last.

    The token is the last name of this page. So the next page begins after that name, whatever has been added or deleted
    meanwhile. `key` gives what the names are sorted by, which must differ for different names.
    """
    rest = sorted(found, key=key, reverse=reverse)
    if token:
        rest = [name for name in rest if (key(name) < key(token) if reverse else key(name) > key(token))]
    return rest[:size], rest[size - 1] if len(rest) > size else None
