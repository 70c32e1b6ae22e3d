"""Every test runs with every mend, as the emulator does."""

import os

import emulator
import support

emulator.load_mends()

# Tests that need real containers set it. In all others, WordPress is only a record.
support.IMAGES_DIRECTORY = os.environ.pop("IMAGES_DIRECTORY", None)
