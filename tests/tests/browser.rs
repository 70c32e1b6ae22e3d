//! A person's browser visits a site: the tests in `tests/browser`, which are written in Python and drive Chromium.
//!
//! They are run from here because the functions call AWS and MySQL through proxies, which belong to this process.

#![allow(clippy::expect_used, reason = "a test ends by panicking")]

use std::process::Command;

use tests::Stack;

#[tokio::test]
async fn people_use_a_site_in_their_browsers() {
    let (_stack, _together) = Stack::together().await;
    let mut tests = Command::new("../.local/browser/bin/python");
    // Without files of compiled Python, because the directory holds sources only.
    tests.args(["-B", "-m", "pytest", "--durations=3", "--durations-min=1", "browser"]);
    let ended = tests.status().expect("the Python environment of `make browser`");
    assert!(ended.success(), "the tests in tests/browser have failed: {ended}");
}
