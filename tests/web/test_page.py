"""The page in a real Chromium: every tab, drags, forks, keys, errors, accessibility."""

from pathlib import Path
from typing import Any, Final

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, expect

from tests.api.doubles import write_version
from tests.api.service import Service, running
from tests.captioner import png
from tests.web.browser import Open, panel

# What a tab shows once it has an answer.
ANSWERED: Final = {
    "forecast": "Where the time went",
    "live": "is open, at position 0",
    "sentiment": "speaks for",
    "authorship": "Evidence, chunk by chunk",
    "caption": "Captions by their score",
    "translate": "Translations by their score",
    "generate": "The text is written",
    "network": "Blue is below zero",
    "models": "every version in the repository passed",
}
# What the code in Python calls for it.
CALLS: Final = {
    "forecast": "client.forecast([",
    "live": "client.stream(",
    "sentiment": "client.sentiment(",
    "authorship": "client.authorship(",
    "caption": 'client.caption("photograph.jpg", ',
    "translate": "client.translate(",
    "generate": "client.generate_words(",
    "network": "client.infer(",
    "models": "client.authorship(",
}
TITLES: Final = {"network": "Your network"}

pytestmark = pytest.mark.slow


def test_every_tab_answers_and_can_be_used_by_everybody(watched: Open) -> None:
    one = watched()
    one.expected.append("422")  # random weights know few letters
    page = one.open("/")
    for name, words in ANSWERED.items():
        page.get_by_role("tab", name=TITLES.get(name, name.title())).click()
        shown = panel(page, name)
        if name == "generate":
            expect(shown.get_by_role("alert")).to_contain_text("allowed")
            shown.get_by_label("It begins with").fill("abc")
            shown.get_by_role("button", name="Write").click()
        if name == "authorship":
            shown.get_by_label("Text").fill("Upon this I insist, upon that whilst I may.")
        expect(shown.get_by_text(words).first).to_be_visible()
        for scheme, rules in (("light", None), ("dark", ["color-contrast"])):
            page.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]
            options = {"resultTypes": ["violations"], **({"runOnly": rules} if rules else {})}
            found = Axe().run(page, options=options)
            assert found.violations_count == 0, (name, scheme, found.generate_report())
        page.set_viewport_size({"width": 400, "height": 800})
        assert page.evaluate("document.documentElement.scrollWidth") <= 400, name
        page.set_viewport_size({"width": 1200, "height": 900})


def test_the_code_in_python_runs(
    watched: Open,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    (tmp_path / "photograph.jpg").write_bytes(png(3))
    monkeypatch.chdir(tmp_path)
    one = watched()
    one.expected.append("422")  # random weights know few letters
    page = one.open("/")
    for name, call in CALLS.items():
        page.get_by_role("tab", name=TITLES.get(name, name.title())).click()
        shown = panel(page, name)
        if name == "generate":
            shown.get_by_label("It begins with").fill("abc")
            shown.get_by_role("button", name="Write").click()
        if name == "models":
            shown.get_by_role("button", name="Ask both").click()
        expect(shown.get_by_text(ANSWERED[name]).first).to_be_visible()
        details = shown.locator("details").filter(has_text="The same request as code").first
        details.locator("summary").click()
        details.get_by_role("button", name="Python").click()
        code = details.locator("code").inner_text()
        assert call in code
        exec(compile(code, f"the code of {name}", "exec"), {})
        assert capsys.readouterr().out.strip(), code


def test_the_code_of_steps_and_words_in_python_runs(
    watched: Open, capsys: pytest.CaptureFixture[str]
) -> None:
    page = watched().open("/#live")
    live = panel(page, "live")
    live.get_by_label("Model").select_option("values")
    expect(live.get_by_text("A stream of values is being opened")).to_have_count(0)
    live.get_by_text("The same request as code").click()
    live.get_by_role("button", name="Python").click()
    code = live.locator("pre code")
    for action, call in ((None, "print(stream.position)"), ("Send", "step(5, horizon=24)")):
        if action is not None:
            live.get_by_label("A value").fill("5")
            live.get_by_role("button", name=action).click()
        expect(code).to_contain_text(call)
        exec(compile(code.inner_text(), "the code of live", "exec"), {})
        assert capsys.readouterr().out.strip()
    live.get_by_role("button", name="Begin anew").click()
    expect(live.get_by_text("is open, at position 0")).to_be_visible()
    live.get_by_role("button", name="Fork here").click()
    expect(code).to_contain_text("print(stream.fork(")


def test_tabs_by_keyboard(watched: Open) -> None:
    page = watched().open("/")
    expect(page.get_by_role("tab", selected=True)).to_have_text("Forecast")
    page.get_by_role("tab", name="Forecast").press("ArrowRight")
    expect(page.get_by_role("tab", selected=True)).to_have_text("Live")
    expect(page.get_by_role("tab", name="Live")).to_be_focused()
    page.keyboard.press("End")
    expect(page.get_by_role("tab", selected=True)).to_have_text("Models")
    assert page.url.endswith("#models")


def test_a_dragged_point_moves_the_forecast(watched: Open) -> None:
    page = watched().open("/#forecast")
    forecast = panel(page, "forecast")
    forecast.get_by_label("Values, oldest first").fill("1\n2\n3\n4\n5\n6")
    forecast.get_by_label("Steps ahead").fill("3")
    handle = forecast.get_by_role("slider")
    expect(handle).to_have_attribute("aria-valuenow", "6")
    path = forecast.locator(".mean").last.get_attribute("d")
    box = handle.bounding_box()
    assert box is not None
    page.mouse.move(box["x"] + 8, box["y"] + 8)
    page.mouse.down()
    page.mouse.move(box["x"] + 8, box["y"] + 90, steps=4)
    page.mouse.up()
    expect(handle).not_to_have_attribute("aria-valuenow", "6")
    expect(forecast.locator(".mean").last).not_to_have_attribute("d", path or "")
    assert not forecast.get_by_label("Values, oldest first").input_value().endswith("\n6")
    handle.press("Home")
    expect(handle).to_have_attribute("aria-valuenow", "1")
    handle.press("ArrowUp")
    expect(handle).not_to_have_attribute("aria-valuenow", "1")


def test_a_table_with_dates(watched: Open) -> None:
    page = watched().open("/#forecast")
    forecast = panel(page, "forecast")
    rows = [f"2024-0{month}-01,{month},{month * 2}" for month in range(1, 9)]
    text = "\n".join(["when,rain,sales", *rows, "2024-09-01,9,", "2024-10-01,7,"])
    forecast.get_by_label("Values, oldest first").fill(text)
    expect(forecast.get_by_label("Column to forecast")).to_have_value("sales")
    expect(forecast.get_by_label("Frequency")).to_have_value("MS")
    expect(forecast.get_by_label("First value at")).to_have_value("2024-01-01T00:00:00")
    expect(forecast.get_by_role("slider")).to_have_attribute("aria-valuetext", "2024-08-01: 16")
    forecast.get_by_text("The numbers").click()
    expect(forecast.get_by_role("cell", name="2024-09-01")).to_be_visible()
    forecast.get_by_label("rain").check()
    forecast.get_by_text("The same request as code").click()
    expect(forecast.locator("pre")).to_contain_text('"past_covariates":{"rain":[1,2,3')
    expect(forecast.locator("pre")).to_contain_text('"future_covariates":{"rain":[9,7]}')
    expect(forecast.get_by_text("Weight of the other columns")).to_be_visible()
    expect(forecast.get_by_role("alert")).to_be_hidden()
    forecast.get_by_label("Values, oldest first").fill("1\n2\nthree\n4")
    expect(forecast.get_by_role("alert")).to_contain_text('line 3: "three" is no number')


def test_errors_are_shown_in_the_service_s_words_and_requests_can_be_copied(watched: Open) -> None:
    one = watched()
    one.expected.append("422")
    page = one.open("/#forecast")
    forecast = panel(page, "forecast")
    forecast.get_by_text("The same request as code").click()
    expect(forecast.locator("pre")).to_contain_text("curl 'http://127.0.0.1:")
    forecast.get_by_role("button", name="JavaScript", exact=True).click()
    expect(forecast.locator("pre")).to_contain_text("const answer = await fetch(")
    forecast.get_by_label("Steps ahead").fill("0")
    forecast.get_by_label("Steps ahead").press("Tab")
    expect(forecast.get_by_role("alert")).to_contain_text("horizon")
    expect(forecast.get_by_role("alert")).to_contain_text("allowed: ")


def test_a_photograph_of_one_s_own_and_where_the_model_looked(watched: Open) -> None:
    page = watched().open("/#caption")
    caption = panel(page, "caption")
    expect(caption.get_by_text("Captions by their score").first).to_be_visible()
    caption.get_by_label("Where did the model look?").check()
    picture = {"name": "mine.png", "mimeType": "image/png", "buffer": png(3)}
    caption.get_by_label("Photograph", exact=True).set_input_files(files=[picture])
    looked = caption.get_by_text("Where it looked")
    expect(looked).to_be_visible()
    looked.get_by_role("button").first.click()
    assert caption.locator(".picture canvas").evaluate("each => [each.width, each.height]") == [
        2,
        2,
    ]


def test_a_model_that_does_not_attend_and_abstains(watched: Open) -> None:
    page = watched().open("/")
    features = {"features": {"grid": None}}
    page.route("**/models/caption/versions/1", lambda route: route.fulfill(json=features))
    best = {"text": "a page", "score": -1, "candidates": [], "confidence": 0.02, "abstained": True}
    answer = {"model": "caption", "version": "1", "captions": [best]}
    page.route("**/caption?num*", lambda route: route.fulfill(json=answer))
    page.get_by_role("tab", name="Caption").click()
    caption = panel(page, "caption")
    expect(caption.get_by_text("it does not tell where it looked")).to_be_visible()
    expect(caption.get_by_label("Where did the model look?")).to_be_disabled()
    expect(caption.get_by_text("The model abstains")).to_be_visible()
    expect(caption.get_by_text("caption is right: 2 %")).to_be_visible()


def test_a_text_forks(watched: Open) -> None:
    one = watched()
    one.expected.append("422")
    page = one.open("/#generate")
    generate = panel(page, "generate")
    generate.get_by_label("It begins with").fill("abc")
    generate.get_by_label("Characters").fill("40")
    generate.get_by_role("button", name="Write").click()
    generate.get_by_role("button", name="Fork here").click()
    expect(generate.get_by_text("Fork at character")).to_be_visible()
    expect(generate.get_by_role("button", name="How likely")).to_have_count(2)
    generate.get_by_role("button", name="How likely").first.click()
    expect(generate.locator("mark").first).to_be_visible()


def test_cards_and_two_models_on_the_same_input(watched: Open) -> None:
    page = watched().open("/#models")
    models = panel(page, "models")
    models.get_by_role("button", name="Card of lstm 1").click()
    expect(models.locator(".prose")).to_contain_text("The mean of a series")
    models.get_by_role("button", name="Ask both").click()
    expect(models.get_by_label("First answer").get_by_text('"version": "1"')).to_be_visible()


def test_what_is_not_served_is_said(watched: Open) -> None:
    page = watched().open("/")
    nothing: dict[str, list[Any]] = {"models": [], "candidates": [], "refused": []}
    page.route("**/models", lambda route: route.fulfill(json=nothing))
    for name, said in (("forecast", "No forecaster is served"), ("live", "No model here takes")):
        page.goto(f"{page.url.partition('#')[0]}#{name}")
        page.reload()
        expect(panel(page, name).get_by_text(said)).to_be_visible()


def test_a_key_is_asked_for_and_kept_for_the_session_alone(watched: Open, tmp_path: Path) -> None:
    write_version(tmp_path)
    with running(tmp_path, api_keys="open-sesame") as locked:
        one = watched(locked)
        one.expected.append("401")
        page = one.open("/#forecast")
        dialog = page.get_by_role("dialog")
        expect(dialog).to_contain_text("this needs an API key")
        dialog.get_by_label("Key", exact=True).fill("open-sesame")
        dialog.get_by_role("button", name="Use it").click()
        forecast = panel(page, "forecast")
        expect(forecast.get_by_text("Where the time went")).to_be_visible()
        forecast.get_by_text("The same request as code").click()
        for language in ("curl", "Python", "JavaScript"):
            forecast.get_by_role("button", name=language, exact=True).click()
            assert "sesame" not in forecast.locator("pre").inner_text()
        kept = "[Object.values(sessionStorage), Object.values(localStorage), document.cookie]"
        assert page.evaluate(kept) == [["open-sesame"], [], ""]
        one.close()


def test_a_page_of_another_site_changes_nothing(browser: Browser, served: Service) -> None:
    page = browser.new_page()
    site = {"body": "<p>Hello", "content_type": "text/html"}
    page.route("http://elsewhere.test/", lambda route: route.fulfill(**site))
    page.goto("http://elsewhere.test/")
    address = f"http://127.0.0.1:{served.port}/v2/repository/models/sentiment/unload"
    page.evaluate(
        "address => fetch(address, {method: 'POST', mode: 'no-cors', body: ''}).catch(() => 0)",
        address,
    )
    page.close()
    assert served.http.get("/v2/models/sentiment/ready").status_code == 200
