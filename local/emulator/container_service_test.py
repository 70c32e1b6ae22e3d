"""What the mends of container_service.py promise."""

import container_service  # noqa: F401
from ministack.services import ecs
from testing import LocalTestCase


class ContainerService(LocalTestCase):
    def test_a_first_deployment_is_in_progress(self):
        self.assertEqual(ecs._make_deployment("family:1", 1)["rolloutState"], "IN_PROGRESS")
