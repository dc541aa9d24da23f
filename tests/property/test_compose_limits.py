"""Whatever a model writes, the bubbles are within WhatsApp's limits and no word is lost."""

from __future__ import annotations

import re

from hypothesis import example, given
from hypothesis import strategies as st

from common.channels.whatsapp.compose import MAX_IMAGES, Product, compose
from common.channels.whatsapp.splitting import split_text

SHOP = {f"P{i}": Product(f"Producto {i}", [f"/media/{i}.png"]) for i in range(6)}
PIECES = [
    "Hola. ", "precio ", "**", "__", "*", "_", "~~", "# ", "\n", "\n\n", "- ", "[", "]", "(", ")", "https://x.example/a",
    "<b>", "</b>", "<br>", "<", ">", "<a href='x'>", "&lt;", "&amp;", "&#91;", "[SEND_IMAGE:P1]", "[send image: p2 ]",
    "[SEND_IMAGE:", "SEND_IMAGE", "[SEND_IMAGE:nope]", "\u200d", "\x00", "\ud800", "x" * 5000, "palabra " * 700,
]  # fmt: skip
replies = st.lists(st.sampled_from(PIECES) | st.text(max_size=20), max_size=25).map("".join)
TAG = re.compile(r"</?[A-Za-z!][^<>]*>|\[\s*send[\s_-]*image", re.IGNORECASE)


@given(replies)
@example("&#91;\n\n\n\n\nSEND_IMAGE")
@example("[send" + "\n" * 9 + "image: P1")
def test_no_bubble_breaks_a_limit_and_no_tag_is_left(reply):
    """Text 1 to 4,096 characters, captions 1,024, three images, no order or HTML tag in the words."""
    parts = compose(reply, products=SHOP, base_url="https://shop.example").parts

    images = [part.payload["image"] for part in parts if part.payload["type"] == "image"]
    bodies = [part.payload["text"]["body"] for part in parts if part.payload["type"] == "text"]
    assert len(images) + len(bodies) == len(parts)
    assert len(images) <= MAX_IMAGES
    assert all(len(image["caption"]) <= 1024 and image["link"].startswith("https://shop.example/") for image in images)
    for body in bodies:
        assert 1 <= len(body) <= 4096
        assert body.strip()
        assert not TAG.search(body)
        body.encode()


@given(st.text(max_size=400), st.integers(1, 60))
def test_splitting_loses_nothing_but_white_space(text, limit):
    """Each piece within the limit, none empty, all characters in order."""
    pieces = split_text(text, limit=limit)

    assert all(0 < len(piece) <= limit for piece in pieces)
    assert "".join("".join(pieces).split()) == "".join(text.split())


@given(st.lists(st.text("abcdef", min_size=1, max_size=9), max_size=80), st.integers(10, 60))
def test_splitting_never_cuts_a_word_that_fits(words, limit):
    """White space is there to cut at."""
    pieces = split_text(" ".join(words), limit=limit)

    assert " ".join(pieces).split() == words


@given(st.text("ab .\n", max_size=30), st.text(max_size=60))
def test_what_is_split_again_stays_as_it_is(left, right):
    """Pieces are final."""
    for piece in split_text(left + right, limit=20):
        assert split_text(piece, limit=20) == [piece]
