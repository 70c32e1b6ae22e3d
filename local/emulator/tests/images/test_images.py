"""Which images there are."""

import os
import pathlib
import tempfile
import unittest
from unittest import mock

from emulator import images


class Names(unittest.TestCase):
    def test_every_image_whose_name_has_wordpress_in_it_is_wordpress(self):
        for name in (
            "wordpress",
            "wordpress:6-apache",
            "registry.example:5000/team/our-wordpress:1",
            "wordpress@sha256:1",
        ):
            self.assertTrue(images.is_wordpress(name), name)
        for name in ("mysql-client:8", "registry.example:5000/nginx:for-wordpress"):
            self.assertFalse(images.is_wordpress(name), name)

    def test_the_tag_decides_on_the_version(self):
        with mock.patch.object(images, "build", return_value=pathlib.Path("/image")):
            for name, wanted in (
                ("wordpress", ["root"]),
                ("next.example:5000/wordpress", ["root"]),
                ("wordpress:6-next", ["next", "root"]),
                ("example/wordpress:6-fatal", ["fatal", "next", "root"]),
            ):
                self.assertEqual([layer.name for layer in images.layers(name)], wanted, name)

    def test_an_image_needs_a_directory(self):
        with mock.patch.dict(os.environ):
            os.environ.pop("IMAGES_DIRECTORY", None)
            self.assertRaises(images.ImageError, images.build)


class Builds(unittest.TestCase):
    def setUp(self):
        self.directory = pathlib.Path(self.enterContext(tempfile.TemporaryDirectory()))
        self.enterContext(mock.patch.dict(os.environ, IMAGES_DIRECTORY=str(self.directory)))

    def made(self):
        return sorted(path.name for path in self.directory.iterdir() if path.is_dir())

    def test_an_image_is_made_once(self):
        with mock.patch.object(images, "_make") as make:
            self.assertEqual(images.build(), images.build())
        make.assert_called_once()

    def test_an_interrupted_build_leaves_no_image(self):
        with mock.patch.object(images, "_make", side_effect=KeyboardInterrupt), self.assertRaises(KeyboardInterrupt):
            images.build()
        self.assertEqual(self.made(), [])

    def test_another_recipe_makes_another_image_and_removes_the_old_one(self):
        with mock.patch.object(images, "_make"):
            first = images.build()
            with mock.patch.object(images, "_fingerprint", return_value="other"):
                second = images.build()
        self.assertNotEqual(first, second)
        self.assertEqual(self.made(), [second.name])

    def test_a_command_that_fails_says_why(self):
        with self.assertRaisesRegex(images.ImageError, "sh has failed: no space left"):
            images._run(["sh", "-c", "echo no space left; exit 1"], lambda _line: None)
