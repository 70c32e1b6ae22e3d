"""Pages of a list."""

import unittest

from emulator.fidelity.pages import page_of


def read(found, size, between=lambda: None, **order):
    """Every page, one after the other."""
    pages, token = [], None
    while True:
        page, token = page_of(found, size, token, **order)
        pages.append(page)
        if token is None:
            return pages
        between()


class Pages(unittest.TestCase):
    def test_every_name_is_on_one_page(self):
        found = ["d", "b", "e", "a", "c"]
        self.assertEqual(read(found, 2), [["a", "b"], ["c", "d"], ["e"]])
        self.assertEqual(read(found, 5), [["a", "b", "c", "d", "e"]])
        self.assertEqual(read([], 2), [[]])

    def test_the_order_can_be_chosen(self):
        found = ["f:9", "f:10", "f:1"]
        self.assertEqual(
            read(found, 2, key=lambda name: int(name.partition(":")[2]), reverse=True), [["f:10", "f:9"], ["f:1"]]
        )

    def test_a_deletion_between_two_pages_hides_nothing(self):
        found = ["a", "b", "c", "d"]
        self.assertEqual(read(found, 2, between=lambda: found.pop(0)), [["a", "b"], ["c", "d"]])
