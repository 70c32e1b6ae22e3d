"""Every test runs with every mend, as the emulator does."""

import emulator

emulator.load_mends()
