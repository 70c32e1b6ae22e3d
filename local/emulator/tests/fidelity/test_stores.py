"""The stores in which MiniStack's services keep what they have."""

from ministack.core.responses import AccountRegionScopedDict, AccountScopedDict

from support import LocalTestCase


class Disturbed(dict):
    """A dictionary to which another thread adds something while its items are listed."""

    def items(self):
        for item in super().items():
            self["another", "region", len(self)] = True
            yield item


class Stores(LocalTestCase):
    def test_items_can_be_listed_while_others_are_added(self):
        for kind in (AccountScopedDict, AccountRegionScopedDict):
            store = kind()
            store["one"] = 1
            store._data = Disturbed(store._data)
            self.assertEqual(store.items(), [("one", 1)], kind)
