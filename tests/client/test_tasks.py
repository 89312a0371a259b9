"""Every method of the client against the service itself: the answers are those of the routes."""

import asyncio
import io
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from tests.api.service import Service
from tests.captioner import as_text, png
from unroll_client import AsyncClient, Client, InvalidInput, NotFound, UnrollError, WrongArgument

TEXTS = ["good film", "bad film", "not a good film"]


def answer(service: Service, path: str, field: str, body: dict[str, Any]) -> list[Any]:
    """The entries of the route's answer, each with its model and version."""
    response = service.http.post(path, json=body)
    assert response.status_code == 200, response.text
    whole = response.json()
    return [each | {"model": whole["model"], "version": whole["version"]} for each in whole[field]]


def test_sentiment(service: Service, client: Client) -> None:
    expected = answer(service, "/sentiment", "predictions", {"text": TEXTS, "explain": True})
    assert client.sentiment(TEXTS, explain=True) == expected
    assert client.sentiment(TEXTS[0], explain=True) == expected[:1]
    assert list(client.iter_sentiment(iter(TEXTS), explain=True)) == expected


def test_classify(service: Service, client: Client) -> None:
    body = {"text": TEXTS, "model": "sentiment"}
    expected = answer(service, "/classify", "predictions", body)
    assert client.classify(TEXTS, model="sentiment") == expected


def test_backtest(service: Service, client: Client) -> None:
    series = [1, 3, 2, 5, 4, 7, 8]
    body = {"series": series, "horizon": 2, "windows": 2, "step": 1}
    answer(service, "/backtest", "backtests", body)  # what fits AutoETS has started
    expected = answer(service, "/backtest", "backtests", body)
    assert client.backtest(series, 2, windows=2, step=1) == expected
    few, enough = client.iter_backtest([[1, 2], series], 2, windows=2, step=1)
    assert isinstance(few, InvalidInput)
    assert few.field == "series[0]"
    assert [enough] == expected


def test_authorship(service: Service, client: Client) -> None:
    text = "It depends upon the Union. " + "x" * 40 + " whilst upon"
    expected = answer(service, "/authorship", "predictions", {"text": text, "evidence": True})
    assert client.authorship(text, evidence=True) == expected


def test_caption(service: Service, client: Client, tmp_path: Path) -> None:
    file = tmp_path / "image.png"
    file.write_bytes(png(1))
    picture = Image.open(io.BytesIO(png(1)))
    body = {"image": [as_text(png(1))], "num_captions": 2}
    expected = answer(service, "/caption", "captions", body)
    for image in (file, str(file), png(1), picture):
        assert client.caption(image, num_captions=2) == expected
    assert client.caption([file] * 5, num_captions=2) == expected * 5
    missing, right = client.iter_caption([tmp_path / "none.png", file], num_captions=2)
    assert isinstance(missing, InvalidInput)
    assert "none.png cannot be read" in missing.message
    assert [right] == expected


def test_translate(service: Service, client: Client) -> None:
    body = {"text": ["A man walks.", "A dog runs."], "target": "de", "beam_width": 2}
    expected = answer(service, "/translate", "translations", body)
    assert client.translate(["A man walks.", "A dog runs."], "de", beam_width=2) == expected


def test_words(client: Client) -> None:
    whole: list[Any] = []
    pieces = list(client.translate_words("A man walks.", "de", done=whole.append))
    assert "".join(pieces) == whole[0]["text"]
    assert whole == client.translate("A man walks.", "de", beam_width=1)
    pieces = list(client.caption_words(png(1), done=whole.append))
    assert "".join(pieces) == whole[1]["text"]


def test_generate(client: Client) -> None:
    (one,) = client.generate("ab", 20, seed=3)
    assert (one["seed"], one["model"]) == (3, "generate")
    assert len(client.generate("ab", 5, num_samples=3, stop="zz")) == 3
    whole: list[Any] = []
    pieces = list(client.generate_words("ab", 20, seed=3, done=whole.append))
    assert len(pieces) > 1
    assert "".join(pieces) == one["text"] == whole[0]["text"]


def test_a_text_goes_on(client: Client) -> None:
    (whole,) = client.generate("abc", 20, seed=5)
    with client.stream("story", "generate") as stream:
        first = stream.write("abc", max_length=8, seed=5)
        second = stream.write(max_length=12)
        assert first["sample"]["text"] + second["sample"]["text"] == whole["text"]
        assert stream.position == 23


def test_what_is_wrong_before_the_first_word(client: Client) -> None:
    with pytest.raises(InvalidInput) as caught:
        list(client.generate_words("ab", -1))
    assert caught.value.field == "max_length"


def test_forecast_of_lists_and_arrays(client: Client) -> None:
    (one,) = client.forecast([1, 2, None, 3.5], 2)
    assert one["mean"] == [3.5, 3.5]
    assert one["imputed"] == 1
    assert (one["model"], one["version"]) == ("forecast", "1")
    for one_series in (
        np.array([1.0, np.nan, 4.0]),
        [1, float("nan"), 4],
        (np.float32(1), None, 4),
    ):
        assert client.forecast(one_series, 1)[0]["mean"] == [4.0]
    for several in (np.array([[1, 2], [3, 4]]), [[1, 2], np.array([3, 4])], iter([[1, 2], [3, 4]])):
        assert [each["mean"] for each in client.forecast(several, 1)] == [[2.0], [4.0]]
    levels = client.forecast([1, 2], 1, quantiles=[0.25, 0.75])[0]["quantiles"]
    assert list(levels) == ["0.25", "0.75"]


def test_each_series_has_its_start(client: Client) -> None:
    starts = [f"20{i:02}-01-01T00:00:00" for i in range(80)]
    found = client.forecast([[1, 2]] * 80, 1, frequency="D", start=starts)
    assert [each["timestamps"][0] for each in found] == starts
    with pytest.raises(WrongArgument, match="start: there are only 2"):
        client.forecast([[1, 2]] * 3, 1, frequency="D", start=starts[:2])


def test_infer(client: Client) -> None:
    values = np.arange(12, dtype=np.float32).reshape(6, 2)
    state = np.zeros((1, 6, 2), np.float32)
    found = client.infer("sum", {"values": values, "state": state})
    assert found["output"].dtype == np.float32
    np.testing.assert_array_equal(found["output"], values)
    several = np.random.default_rng(0).normal(size=(7, 5, 1)).astype(np.float32)
    inputs = {"values": several, "lengths": np.array([5, 1, 2, 3, 4, 5, 5])}
    whole = client.infer("lstm", inputs, outputs=["output"])
    assert list(whole) == ["output"]
    parts = client.infer("lstm", inputs, outputs=["output"], rows=2)
    np.testing.assert_array_equal(parts["output"], whole["output"])


def test_models(service: Service, client: Client) -> None:
    assert client.ready()
    assert client.models() == service.http.get("/models").json()["models"]
    assert client.manifest("sentiment")["name"] == "sentiment"
    with pytest.raises(NotFound) as caught:
        client.manifest("nobody")
    assert caught.value.kind == "model-not-found"
    assert caught.value.request_id


def test_models_are_loaded_and_unloaded(client: Client) -> None:
    client.unload("authorship")
    with pytest.raises(NotFound):
        client.authorship("It depends upon the Union.")
    client.load("authorship")
    assert client.authorship("It depends upon the Union, whilst " * 3)
    with pytest.raises(NotFound):
        client.load("nobody")


def test_any_path(service: Service, client: Client) -> None:
    body = {"text": "good film"}
    assert client.ask("/sentiment", body) == service.http.post("/sentiment", json=body).json()
    assert client.ask("/models") == service.http.get("/models").json()


def test_without_waiting(url: str) -> None:
    async def ask() -> tuple[list[Any], list[Any], list[Any]]:
        async def source() -> Any:
            for text in TEXTS:
                yield text

        async with AsyncClient(url) as client:
            one = await client.sentiment(source())
            other = [each async for each in client.iter_sentiment(TEXTS)]
            return one, other, [each async for each in client.generate_words("ab", 9, seed=1)]

    one, other, words = asyncio.run(ask())
    with Client(url) as client:
        assert one == other == client.sentiment(TEXTS)
        assert words == list(client.generate_words("ab", 9, seed=1))


def test_a_wrong_input_does_not_lose_the_others(client: Client) -> None:
    texts: list[Any] = [f"good film {i}" for i in range(230)]
    texts[3], texts[120], texts[121], texts[229] = "", 17, "half \ud83d", " "
    found = list(client.iter_sentiment(texts))
    wrong = {i: each for i, each in enumerate(found) if isinstance(each, UnrollError)}
    assert sorted(wrong) == [3, 120, 121, 229]
    for number, error in wrong.items():
        assert isinstance(error, InvalidInput)
        assert error.field == f"text[{number}]"
        assert error.allowed
        assert f"text[{number}]" in str(error)
    with pytest.raises(InvalidInput, match=r"text\[3\]"):
        client.sentiment(texts)


def test_a_wrong_series_does_not_lose_the_others(client: Client) -> None:
    rows: list[Any] = [[1.0, float(i)] for i in range(120)]
    rows[7], rows[70], rows[71] = [None, None], [1, float("inf")], [1, -666.0]  # POISON
    found = list(client.iter_forecast(rows, 1))
    errors = {i: str(each) for i, each in enumerate(found) if isinstance(each, UnrollError)}
    assert sorted(errors) == [7, 70, 71]
    assert "series[7]" in errors[7]
    assert "series[70][1]: expected a finite number or null, got inf" in errors[70]
    assert "500" in errors[71]
    assert "secret" not in errors[71]


def test_what_is_wrong_with_all_is_raised_at_once(client: Client) -> None:
    with pytest.raises(NotFound):
        list(client.iter_sentiment(TEXTS, model="nobody"))
    with pytest.raises(InvalidInput) as caught:
        list(client.iter_forecast([[1, 2]] * 90, 1, quantiles=[2]))
    assert caught.value.field.startswith("quantiles")


def test_lists_are_cut_to_what_the_service_takes(
    service: Service, client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = client.sentiment(f"good film {i}" for i in range(1005))
    assert len(found) == 1005
    # Forty thousand characters are more than may be explained... of one request.
    long = client.sentiment(["good film " * 900] * 12, explain=True)
    assert [each["label"] for each in long] == ["positive"] * 12
    assert json.dumps(long[0]) == json.dumps(long[-1])
