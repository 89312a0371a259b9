"""Images in base64, however it is written."""

import base64
import textwrap

import pytest

from app.errors import InvalidInput
from app.tasks.caption.content import content_of, is_large
from tests.attack.images import png as grey
from tests.captioner import png

FILE = png(1, (300, 200))
TEXT = base64.b64encode(FILE).decode()


@pytest.mark.parametrize(
    "text",
    [
        TEXT,
        "\n".join(textwrap.wrap(TEXT, 76)) + "\n",
        "\r\n".join(textwrap.wrap(TEXT, 64)),
        f"data:image/png;base64,{TEXT}",
        f" data:image/png;charset=x;base64,\n{TEXT} ",
    ],
)
def test_base64_is_read_as_tools_write_it(text: str) -> None:
    assert content_of(text) == FILE
    assert not is_large(text)


def test_long_base64_is_read_in_pieces() -> None:
    content = bytes(range(256)) * 12_000
    asked: list[None] = []
    text = base64.encodebytes(content).decode()  # in lines
    assert content_of(text, lambda: asked.append(None)) == content
    assert len(asked) > 3


@pytest.mark.parametrize(
    "text", ["x", TEXT[:-1], f"{TEXT}=", f"{TEXT[:40]}!{TEXT[40:]}", "QQ==" + "QUJD" * 300_000]
)
def test_what_is_no_base64_is_refused(text: str) -> None:
    with pytest.raises(InvalidInput, match="not base64"):
        content_of(text)


@pytest.mark.parametrize("text", ["https://x.org/dog.jpg", " HTTP://x", "s3://bucket/key"])
def test_addresses_are_not_fetched(text: str) -> None:
    with pytest.raises(InvalidInput, match="addresses are not fetched"):
        content_of(text)


def test_large_images_are_told_by_their_beginning() -> None:
    large = grey(3000, 2000)
    assert is_large(large)
    assert is_large(base64.b64encode(large).decode())
    assert is_large(b"no image at all")
