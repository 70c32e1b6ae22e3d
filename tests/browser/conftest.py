"""What tests with a browser need."""

import chromium
import pytest
from playwright.sync_api import expect
from stack import Stack, log_directory

# The default of five seconds is short for a machine that is busy with other tests.
LONGEST_WAIT_MILLISECONDS = 30_000


@pytest.fixture
def stack():
    """The running stack."""
    return Stack()


@pytest.fixture
def open_window(stack):
    """Opens a window of the browser, for somebody who has not visited the site before.

    Whether the test fails or not, a picture of the window's last page is kept beside the logs.
    """
    expect.set_options(timeout=LONGEST_WAIT_MILLISECONDS)
    windows = {}
    with chromium.started(stack) as browser:

        def open_window_of(somebody):
            windows[somebody] = browser.new_context(locale="en-US").new_page()
            return windows[somebody]

        yield open_window_of
        for somebody, window in windows.items():
            window.screenshot(path=log_directory() / f"browser-{somebody}.png")
