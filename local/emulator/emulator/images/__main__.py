"""Makes the images beforehand, so that the first task that needs one does not wait for it."""

import sys
import time

from emulator import images
from emulator.containers import sandbox


def main():
    """Makes the images, or says why containers cannot run here. Neither is an error: containers are records then."""
    begin = time.monotonic()

    def progress(line):
        print(f"[{time.monotonic() - begin:4.0f} s] {line}", flush=True)

    reason = sandbox.obstacle()
    if reason:
        progress(f"WordPress containers will be records only: {reason}")
        return
    try:
        image = images.build(progress)
    except images.ImageError as error:
        progress(f"WordPress containers will be records only: {error}")
        return
    progress(f"the WordPress image is in {image}")


if __name__ == "__main__":
    sys.exit(main())
