"""A new site, as people use it in their browsers."""

from pathlib import Path

import pytest
import wordpress
from playwright.sync_api import expect

IMAGE = "wordpress:6-apache"
TITLE = "Käse & Söhne"
POST, TEXT = "We are open", "Come in and try our cheese."
PICTURE = Path(__file__).with_name("picture.png")


@pytest.fixture
def site(stack):
    """What provision-tenant says about a new site. The tenant is removed after the test."""
    site = stack.run("provision-tenant", image=IMAGE, site={"title": TITLE, "admin_user": "jo"})
    yield site
    stack.run(
        "deprovision-tenant",
        tenant_id=site["tenant_id"],
        checklist={"owner_notified": True, "data_backup": "not-required", "billing_finalized": True},
        approved_by="tests/browser",
        force_delete_secret=True,
        purge_files=True,
    )


def test_visitors_see_a_post_with_a_picture_that_the_administrator_writes(stack, site, open_window):
    visitor = open_window("visitor")
    visitor.goto(site["url"])
    expect(visitor).to_have_title(TITLE)

    administrator = open_window("administrator")
    credentials = stack.secret(site["admin_secret_arn"])
    wordpress.log_in(administrator, site["admin_url"], credentials["username"], credentials["password"])
    post = wordpress.publish(administrator, POST, TEXT, PICTURE)

    visitor.goto(post)
    expect(visitor.get_by_role("heading", name=POST, level=1)).to_be_visible()
    expect(visitor.get_by_text(TEXT)).to_be_visible()
    picture = visitor.locator(".wp-block-image img")
    expect(picture).to_be_visible()
    # This waits until the browser has loaded the picture, and fails if it cannot show it.
    picture.evaluate("picture => picture.decode()")
    assert picture.evaluate("picture => picture.naturalWidth") > 0
