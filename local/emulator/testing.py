"""What the tests of the mends share."""

import unittest

from ministack.core.responses import request_scope

ACCOUNT, REGION = "123456789012", "eu-west-1"


class LocalTestCase(unittest.TestCase):
    def setUp(self):
        scope = request_scope(ACCOUNT, REGION)
        scope.__enter__()
        self.addCleanup(scope.__exit__, None, None, None)
