"""The stores in which MiniStack's services keep what they have, by account, and mostly by region."""

from ministack.core import responses

from emulator.mend import wraps

for _store in (responses.AccountScopedDict, responses.AccountRegionScopedDict):

    @wraps(_store, "items")
    def items_are_those_of_one_moment(_items, store):
        """AWS: requests at the same time do not disturb each other.

        MiniStack: makes a tuple for each item. Python may run another thread meanwhile, and if that adds an item, the
        request ends with an internal error. The copy of a dictionary is made in one step.
        """
        return [(store._unscope(key), value) for key, value in store._data.copy().items() if store._is_mine(key)]
