"""The page on which the API is described and can be tried."""

from __future__ import annotations

from collections.abc import Callable

from playwright.sync_api import Page, expect

from tests.conftest import LiveStack


def test_the_page_shows_every_operation_and_tries_one(stack: LiveStack, visit: Callable[..., Page]) -> None:
    page = visit()
    document = page.request.get(f"{stack.url}/openapi.json").json()
    page.goto(f"{stack.url}/docs")
    blocks = page.locator(".opblock")
    expect(blocks).to_have_count(sum(len(item) for item in document["paths"].values()))
    health = page.locator(".opblock", has=page.locator("[data-path='/health']"))
    health.locator(".opblock-summary-control").click()
    health.get_by_role("button", name="Try it out").click()
    health.get_by_role("button", name="Execute").click()
    expect(health.locator(".live-responses-table .response .response-col_status")).to_contain_text("200")
