"""POST /caption over a real socket, with the real task on tiny graphs."""

from collections.abc import Callable
from typing import Any

import httpx
import numpy as np
import pytest
from PIL import Image
from prometheus_client import REGISTRY

from app.api.routes.caption import CaptionOptions
from app.api.routes.caption_schema import Attention, Caption, CaptionCandidate, WordAttention
from tests.api.captions import TASK, expected, raw, refused
from tests.api.conftest import IMAGE_TASKS
from tests.api.service import Service, running
from tests.captioner import WORDS, as_text, encoded, png


def test_the_body_is_an_image(images: Service) -> None:
    response = raw(images, png(1))
    assert response.status_code == 200
    assert response.json() == {"model": "caption", "version": "1", "captions": [expected(1)]}
    assert response.headers["server-timing"].startswith("queue;dur=")


@pytest.mark.parametrize("kind", ["JPEG", "WEBP"])
def test_other_formats(images: Service, kind: str) -> None:
    image = Image.new("RGB", (20, 20), (200, 20, 20))
    assert raw(images, encoded(image, kind), f"image/{kind.lower()}").status_code == 200


def test_options_stand_in_the_query(images: Service) -> None:
    options: dict[str, Any] = {
        "beam_width": 5,
        "num_captions": 2,
        "max_length": 3,
        "length_penalty": 0.5,
    }
    found = raw(images, png(2), **options, attention="false", model="caption", version="1")
    assert found.json()["captions"] == [expected(2, **options)]
    assert len(found.json()["captions"][0]["candidates"]) == 2


def test_json(images: Service) -> None:
    one = images.http.post("/caption", json={"image": as_text(png(3)), "num_captions": 3})
    assert one.json()["captions"] == [expected(3, num_captions=3)]
    many = images.http.post("/caption", json={"image": [as_text(png(3)), as_text(png(4))]})
    assert many.json()["captions"] == [expected(3), expected(4)]


def test_a_form_of_one_file_or_several(images: Service) -> None:
    one = images.http.post("/caption", files={"image": png(5)}, data={"beam_width": "2"})
    assert one.json()["captions"] == [expected(5, beam_width=2)]
    files = [("image", ("a.png", png(6), "image/png")), ("other", ("b", png(7), "x/y"))]
    many = images.http.post("/caption", files=files, params={"num_captions": 2})
    assert many.json()["captions"] == [expected(6, num_captions=2), expected(7, num_captions=2)]


def test_a_large_file_of_a_form_stays_in_memory(
    images: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (100, 100, 3), np.uint8)
    content = encoded(Image.fromarray(noise), "PNG") + bytes(2_000_000)
    monkeypatch.setattr("tempfile.tempdir", "/nowhere")
    assert images.http.post("/caption", files={"image": content}).status_code == 200


def test_attention(images: Service) -> None:
    response = raw(images, png(3), model="caption-attending", attention="true", num_captions=2)
    (caption,) = response.json()["captions"]
    assert caption.keys() == Caption.model_fields.keys()
    assert caption["candidates"][0].keys() == CaptionCandidate.model_fields.keys()
    assert caption["attention"].keys() == Attention.model_fields.keys()
    assert caption["attention"]["grid"] == [2, 2]
    for word in caption["attention"]["words"]:
        assert word.keys() == WordAttention.model_fields.keys()
        assert sum(word["weights"]) == pytest.approx(1)
    found = refused(raw(images, png(3), attention="true"))
    assert (found["field"], found["allowed"]) == ("attention", "false for this model")


Send = Callable[[Service], httpx.Response]


@pytest.mark.parametrize(
    ("send", "field", "part"),
    [
        (lambda s: raw(s, b"hello"), "image", "no image"),
        (lambda s: raw(s, png(1)[:60]), "image", "cut short"),
        (lambda s: raw(s, png(1, (101, 100))), "image", "101 x 100 pixels are too many"),
        (lambda s: raw(s, png(1), beam_width=0), "beam_width", "at least 1"),
        (lambda s: raw(s, png(1), beam_width=11), "beam_width", "at most 10"),
        (lambda s: raw(s, png(1), num_captions=4), "num_captions", "out of range"),
        (lambda s: raw(s, png(1), max_length=8), "max_length", "out of range"),
        (lambda s: raw(s, png(1), length_penalty="nan"), "length_penalty", ""),
        (lambda s: raw(s, png(1), attention="perhaps"), "attention", ""),
        (lambda s: raw(s, png(1), beams=3), "beams", "unknown field"),
        (lambda s: s.http.post("/caption", json=[1]), "", "expected a JSON object"),
        (lambda s: s.http.post("/caption", json={}), "image", "required"),
        (lambda s: s.http.post("/caption", json={"image": 3}), "image", "expected base64, got 3"),
        (lambda s: s.http.post("/caption", json={"image": []}), "image", "there is no image"),
        (lambda s: s.http.post("/caption", json={"image": "!"}), "image", "not base64"),
        (lambda s: s.http.post("/caption", json={"image": ["!"]}), "image[0]", "not base64"),
        (
            lambda s: s.http.post("/caption", json={"image": [as_text(png(1)), None]}),
            "image[1]",
            "expected base64, got null",
        ),
        (
            lambda s: s.http.post("/caption", json={"image": [as_text(png(1))] * 5}),
            "image",
            "5 images are too many",
        ),
        (
            lambda s: s.http.post("/caption", json={"image": as_text(png(1)), "beam_width": "3"}),
            "beam_width",
            "expected a whole number",
        ),
        (
            lambda s: s.http.post("/caption?beam_width=3", json={"image": as_text(png(1))}),
            "beam_width",
            "stand in its body",
        ),
        (
            lambda s: s.http.post("/caption", files=[("image", png(1)), ("image", b"x")]),
            "image[1]",
            "no image",
        ),
        (
            lambda s: s.http.post("/caption", files=[("image", png(1))] * 6),
            "image",
            "images are too many",
        ),
        (
            lambda s: s.http.post("/caption", files={"image": png(1)}, data={"beams": "3"}),
            "beams",
            "unknown field",
        ),
        (
            lambda s: s.http.post(
                "/caption?model=caption", files={"image": png(1)}, data={"model": "caption"}
            ),
            "model",
            "sent twice",
        ),
        (
            lambda s: s.http.post("/caption", files={"x": (None, "3")}),
            "image",
            "there is no image",
        ),
    ],
)
def test_wrong_fields_are_named(images: Service, send: Send, field: str, part: str) -> None:
    found = refused(send(images))
    assert found["field"] == field
    assert part in found["message"]
    assert found["allowed"]


@pytest.mark.parametrize(
    ("kind", "content", "status"),
    [
        ("image/gif", b"GIF89a", 415),
        ("", b"x", 415),
        ("text/plain", b"x", 415),
        ("application/x-www-form-urlencoded", b"image=x", 415),
        ("image/png", b"", 400),
        ("application/json", b"{", 400),
        ("multipart/form-data", b"x", 400),
        ("multipart/form-data; boundary=x", b"x", 400),
        ("multipart/form-data; boundary=x", b"--x\r\n\r\nabc", 400),
    ],
)
def test_bodies_that_cannot_be_read(
    images: Service, kind: str, content: bytes, status: int
) -> None:
    response = raw(images, content, kind)
    refused(response, status)
    assert "'error'" not in response.json()


def test_compressed_and_large_bodies(images: Service) -> None:
    refused(raw(images, png(1), headers={"Content-Encoding": "gzip"}), 415)
    root = images.app.services.settings.models_dir
    with running(root, tasks=IMAGE_TASKS, max_body_bytes=100) as narrow:
        refused(raw(narrow, png(1)), 413)


def test_an_image_that_is_no_photograph_is_captioned_and_abstained_from(images: Service) -> None:
    def count() -> float:
        labels = {"model": "caption-attending", "version": "1"}
        return REGISTRY.get_sample_value("unroll_abstentions_total", labels) or 0.0

    before = count()
    colours = [(255, 0, 0), (0, 0, 255)]
    files = [as_text(encoded(Image.new("RGB", (9, 9), colour), "PNG")) for colour in colours]
    body = {"image": files, "model": "caption-attending"}
    red, blue = images.http.post("/caption", json=body).json()["captions"]
    assert (red["abstained"], blue["abstained"]) == (False, True)
    assert blue["text"]
    assert 0 < blue["confidence"] < 0.01 < red["confidence"] < 1
    assert count() - before == 1
    (plain,) = images.http.post("/caption", json={"image": files[1]}).json()["captions"]
    assert not {"abstained", "confidence"} & plain.keys()  # that version cannot tell


def test_the_licence_is_told(images: Service) -> None:
    model = images.http.get("/models/caption").json()
    assert "research use" in model["license"]


def test_metrics_of_captions(images: Service) -> None:
    def count(name: str) -> float:
        labels = {"task": "caption", "model": "caption"}
        if name.startswith("unroll_prediction"):
            labels["version"] = "1"
        return REGISTRY.get_sample_value(name, labels) or 0.0

    names = ("unroll_input_length_sum", "unroll_prediction_confidence_count")
    before = [count(name) for name in names]
    raw(images, png(1))
    images.http.post("/caption", json={"image": as_text(png(1))})
    after = [count(name) for name in names]
    assert after[0] - before[0] == pytest.approx(2 * len(png(1)), abs=3)
    assert after[1] - before[1] == 2


def test_the_graphs_answer_by_their_tensors(images: Service) -> None:
    """Image, start and steps by hand over /v2 give the caption that /caption gives."""
    from app.features.image import normalised
    from tests.captioner import IMAGE

    def infer(name: str, **tensors: Any) -> dict[str, Any]:
        kinds = {"f": "FP32", "i": "INT64"}
        inputs = [
            {
                "name": key,
                "datatype": kinds[value.dtype.kind],
                "shape": list(value.shape),
                "data": value.ravel().tolist(),
            }
            for key, value in tensors.items()
        ]
        response = images.http.post(f"/v2/models/caption.{name}/infer", json={"inputs": inputs})
        assert response.status_code == 200, response.text
        return {
            each["name"]: np.array(each["data"]).reshape(each["shape"])
            for each in response.json()["outputs"]
        }

    example = TASK.encode(png(4), beam_width=1)
    pixels = normalised(example.pixels[None], IMAGE.options())
    state = infer("start", features=infer("encoder", pixels=pixels)["features"].astype(np.float32))
    words: list[str] = []
    token = 1
    while len(words) < 7:
        found = infer(
            "decoder",
            token_ids=np.array([token]),
            **{key: value.astype(np.float32) for key, value in state.items()},
        )
        state["hidden_state"] = found["next_hidden_state"]
        token = int(found["next_token_ids"][0, 0])
        if token == 2:
            break
        words.append(WORDS[token])
    assert tuple(words) == TASK.predict([example])[0].candidates[0].words


def test_the_description(images: Service) -> None:
    operation = images.http.get("/openapi.json").json()["paths"]["/caption"]["post"]
    content = operation["requestBody"]["content"]
    assert content.keys() == {
        *("image/jpeg", "image/png", "image/webp", "multipart/form-data", "application/json")
    }
    properties = content["application/json"]["schema"]["properties"]
    assert properties.keys() == {"image", *CaptionOptions.model_fields}
    assert all(each["description"] for each in properties.values())
    queries = [each["name"] for each in operation["parameters"] if each.get("in") == "query"]
    assert queries == list(CaptionOptions.model_fields)
    assert "text/event-stream" in operation["responses"]["200"]["content"]
    for example in content["application/json"]["examples"].values():
        response = images.http.post("/caption", json=example["value"])
        assert response.status_code == 200
        answer = response.json()
        sent = example["value"]["image"]
        assert len(answer["captions"]) == (len(sent) if isinstance(sent, list) else 1)
