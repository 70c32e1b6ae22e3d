"""How a list is given in pages, so that what comes or goes between two pages hides nothing else."""


def page_of(found, size, token=None, key=str, reverse=False):
    """One page of names or ARNs, and the token of the next page, if there is one: the last name of this page.

    `key` orders the names; what it gives for two different names must differ.
    """
    rest = sorted(found, key=key, reverse=reverse)
    if token:
        rest = [name for name in rest if (key(name) < key(token) if reverse else key(name) > key(token))]
    return rest[:size], rest[size - 1] if len(rest) > size else None
