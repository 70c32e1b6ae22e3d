"""What the author of a site does in WordPress, in a browser."""

import re

from playwright.sync_api import expect


def log_in(page, admin_url, user, password):
    """Open the administration, which asks for the password, and log in."""
    page.goto(admin_url)
    page.get_by_label("Username or Email Address").fill(user)
    page.get_by_label("Password", exact=True).fill(password)
    page.get_by_role("button", name="Log In").click()
    expect(page.get_by_role("heading", name="Dashboard")).to_be_visible()


def publish(page, title, text, picture):
    """Write a post with a picture in the block editor, and publish it; return its URL."""
    page.locator("#menu-posts > a").click()
    page.locator("a.page-title-action").click()
    close_welcome(page)
    canvas = canvas_of(page)
    canvas.get_by_role("textbox", name="Add title").fill(title)
    page.keyboard.press("Enter")
    page.keyboard.type(text)
    page.keyboard.press("Enter")
    insert_picture(page, canvas, picture)

    page.get_by_role("button", name="Publish", exact=True).click()
    # The editor asks once more.
    panel = page.get_by_role("region", name="Editor publish")
    panel.get_by_role("button", name="Publish", exact=True).click()
    return panel.get_by_role("link", name="View Post").get_attribute("href")


def close_welcome(page):
    """Close the introduction, which the editor shows to everybody who opens it for the first time."""
    welcome = page.get_by_role("dialog", name=re.compile("^Welcome"))
    welcome.get_by_role("button", name=re.compile("^Close")).click()
    expect(welcome).to_be_hidden()


def canvas_of(page):
    """Return where the author writes: in a frame or in the page itself, which depends on WordPress and the theme."""
    frame = page.locator("iframe[name='editor-canvas']")
    expect(frame.or_(page.get_by_role("textbox", name="Add title"))).to_be_visible()
    return frame.content_frame if frame.count() else page


def insert_picture(page, canvas, picture):
    """Insert a picture of the author's in an empty paragraph, where a slash offers blocks by name."""
    page.keyboard.type("/image")
    page.get_by_role("option", name="Image", exact=True).click()
    with page.expect_file_chooser() as chooser:
        canvas.get_by_role("button", name="Upload", exact=True).click()
    chooser.value.set_files(picture)
    # While the picture is being uploaded, the editor shows the author's own file, whose URL begins with `blob:`.
    expect(canvas.locator(".wp-block-image img[src^='https:']")).to_be_visible()
