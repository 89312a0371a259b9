"""The tab Live in a real Chromium: streams that go on, fork and are foretold."""

import re
from typing import Any

import pytest
from playwright.sync_api import Route, expect

from tests.api.service import Service, until
from tests.web.browser import Open, panel

pytestmark = pytest.mark.slow


def streams(served: Service) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = served.http.get("/streams").json()["streams"]
    return found


def test_a_stream_goes_on_and_forks(watched: Open, served: Service) -> None:
    page = watched().open("/#live")
    live = panel(page, "live")
    expect(live.get_by_text("is open, at position 0")).to_be_visible()
    for value in ("0.5", "0.7"):
        live.get_by_label("A value").fill(value)
        live.get_by_role("button", name="Send").click()
    expect(live.get_by_text("is at position 2.")).to_be_visible()
    live.get_by_role("button", name="Fork here").click()
    expect(live.get_by_text("Forked at position 2")).to_be_visible()
    live.get_by_label("A value").fill("1")
    live.get_by_role("button", name="Send").click()
    expect(live.get_by_text("is at position 3, and so is its fork")).to_be_visible()
    assert sum(each["position"] == 3 for each in streams(served)) == 2
    first, second = (
        live.locator("canvas").nth(each).evaluate("each => each.toDataURL()") for each in (0, 1)
    )
    assert first != second
    live.get_by_role("button", name="Play").click()
    going_on = re.compile("is at position ([4-9]|[1-9][0-9]+), and so is its fork")
    expect(live.get_by_text(going_on)).to_be_visible()
    live.get_by_role("button", name="Pause").click()
    page.goto("about:blank")
    until(lambda: not any(each["position"] for each in streams(served)))  # it takes them with it


def test_a_stream_of_values_shows_what_is_foretold_and_what_is_odd(watched: Open) -> None:
    page = watched().open("/#live")
    live = panel(page, "live")
    live.get_by_label("Model").select_option("values")
    # What was said of the stream before is gone at once, so this is the one of "values".
    expect(live.get_by_text("is open, at position 0")).to_be_visible()
    live.get_by_label("A value").fill("5")
    live.get_by_role("button", name="Send").click()
    expect(live.locator("path.band")).to_have_count(1)
    expect(live.get_by_text("The stream: 6 numbers, 1 steps")).to_be_visible()
    expect(live.locator("circle.anomaly")).to_have_count(0)
    scores = live.get_by_label("What comes out, over the positions of the stream")
    assert scores.locator("text").all_text_contents() == ["0", "0.5", "1"]
    odd = {"position": 1, "value": 50.0, "anomaly_score": 1.0, "anomalous": True}
    page.route("**/steps", lambda route: route.fulfill(json={"position": 2, "steps": [odd]}))
    live.get_by_label("A value").fill("50")
    live.get_by_role("button", name="Send").click()
    expect(live.locator("circle.anomaly")).to_have_count(1)


def test_nothing_is_asked_of_a_stream_before_it_is_open(watched: Open) -> None:
    page = watched().open("/#live")
    live = panel(page, "live")
    opened = live.get_by_text("is open, at position 0")
    expect(opened).to_be_visible()
    first = opened.inner_text()
    held: list[Route] = []
    page.route("**/streams/*", lambda route: held.append(route))
    live.get_by_label("Model").select_option("values")
    expect(live.get_by_text("A stream of values is being opened")).to_be_visible()
    expect(opened).to_have_count(0)
    for name in ("Send", "Play", "Fork here"):
        expect(live.get_by_role("button", name=name)).to_be_disabled()
    for each in held:
        each.continue_()
    page.unroute("**/streams/*")
    expect(opened).to_be_visible()
    assert opened.inner_text() != first
    for name in ("Send", "Play", "Fork here"):
        expect(live.get_by_role("button", name=name)).to_be_enabled()


def test_of_two_streams_that_are_opened_the_later_choice_is_shown(watched: Open) -> None:
    page = watched().open("/#live")
    live = panel(page, "live")
    opened = live.get_by_text("is open, at position 0")
    expect(opened).to_be_visible()
    choice = live.get_by_label("Model")
    first = choice.input_value()
    held: list[Route] = []

    def hold(route: Route) -> None:
        """The first stream that is opened waits."""
        if route.request.method == "PUT" and not held:
            held.append(route)
        else:
            route.continue_()

    page.route("**/streams/*", hold)
    with page.expect_request(lambda request: request.method == "PUT"):
        choice.select_option("values")
    choice.select_option(first)
    expect(opened).to_be_visible()
    shown = opened.inner_text()
    with page.expect_response(lambda response: response.request == held[0].request):
        held[0].continue_()
    page.wait_for_timeout(200)
    assert opened.inner_text() == shown


def test_a_late_answer_of_an_earlier_stream_is_not_shown(watched: Open) -> None:
    page = watched().open("/#live")
    live = panel(page, "live")
    opened = live.get_by_text("is open, at position 0")
    expect(opened).to_be_visible()
    first = opened.inner_text()
    held: list[Route] = []
    page.route("**/steps", lambda route: held.append(route))
    live.get_by_label("A value").fill("5")
    with page.expect_request("**/steps"):
        live.get_by_role("button", name="Send").click()
    live.get_by_label("Model").select_option("values")
    expect(opened).to_be_visible()
    second = opened.inner_text()
    assert second != first
    with page.expect_response("**/steps"):
        held[0].fulfill(json={"position": 7, "steps": [{"output": [1.0]}]})
    page.unroute("**/steps")
    live.get_by_label("A value").fill("5")
    live.get_by_role("button", name="Send").click()
    name = second.split()[2]
    expect(live.get_by_text(f"{name} is at position 1.")).to_be_visible()
    expect(live.locator("path.band")).to_have_count(1)
