"""From a model's reply to WhatsApp bubbles."""

from __future__ import annotations

import time

import pytest

from common.channels.whatsapp.compose import Product, compose
from common.channels.whatsapp.interactive import Choice, list_menu, reply_buttons
from common.channels.whatsapp.splitting import split_text

SHOP = {
    "P1": Product("Crema de rosas", ["/media/products/p1.png"]),
    "P2": Product("Sérum", ["https://cdn.example.com/p2.jpg", "/media/products/p2.png"]),
    "P3": Product("Jabón", ["", "media/p3.png"]),
    "P4": Product("Aceite", ["javascript:alert(1)", "file:///etc/passwd", "//host/x.png", "https://", "https://["]),
    "P5": Product("Tónico", []),
    "P6": Product("Bálsamo", ["https://cdn.example.com/p6.jpg"]),
}


def composed(reply):
    return compose(reply, products=SHOP, base_url="https://shop.example/")


def texts(reply):
    return [part.payload["text"]["body"] for part in composed(reply).parts if part.payload["type"] == "text"]


def links(reply):
    return [part.payload["image"]["link"] for part in composed(reply).parts if part.payload["type"] == "image"]


def test_text_comes_first_then_the_images_with_the_products_names():
    """The words explain, the pictures follow."""
    first, second, third = composed("Mira:\n[SEND_IMAGE:P1] y\n[SEND_IMAGE:P2]").parts

    assert first.payload == {"type": "text", "text": {"body": "Mira:\ny"}}
    assert second.payload == {
        "type": "image",
        "image": {"link": "https://shop.example/media/products/p1.png", "caption": "Crema de rosas"},
    }
    assert third.payload["image"]["link"] == "https://cdn.example.com/p2.jpg"
    assert (second.text, second.needs_owner) == ("Crema de rosas", "bot")


@pytest.mark.parametrize(
    "tag", ["[SEND_IMAGE:P1]", "[ send_image : p1 ]", "[Send Image: P1]", "[SENDIMAGE:P1]", "[SEND-IMAGE='P1']",
            "&#91;SEND_IMAGE:P1&#93;", "[SEND_<b>IMAGE</b>:P1]"],
)  # fmt: skip
def test_a_tag_is_understood_however_the_model_writes_it(tag):
    """Spaces, case, quotes, entities."""
    assert links(f"Aquí {tag}") == ["https://shop.example/media/products/p1.png"]
    assert texts(f"Aquí {tag}") == ["Aquí"]


@pytest.mark.parametrize(
    "reply",
    ["Hola [SEND_IMAGE]", "Hola [SEND_IMAGE:]", "Hola [SEND_IMAGE:P1", "Hola [HAND_OVER]", "Hola [ORDER_STATUS: 5]",
     "Hola [SEND_IMAGE P1]"],
)  # fmt: skip
def test_stray_tags_are_stripped(reply):
    """What looks like an order to the program never reaches the customer, and orders nothing."""
    assert texts(reply) == ["Hola"]
    assert links(reply) == []


def test_ordinary_brackets_stay():
    """Only tags of the program are taken out."""
    assert texts("Precio [con IVA] y [x]") == ["Precio [con IVA] y [x]"]


@pytest.mark.parametrize(
    ("written", "sent"),
    [
        ("Te escribo a [EMAIL_1] o al [PHONE_12].", "Te escribo a [EMAIL_1] o al [PHONE_12]."),
        ("**[PHONE_1]**", "*[PHONE_1]*"),
        ("[PHONE_1](tel:123)", "[PHONE_1] (123)"),
    ],
)
def test_placeholders_of_redacted_data_stay(written, sent):
    """They become the customer's words after composing."""
    assert texts(written) == [sent]


def test_room_can_be_left_for_placeholders_that_grow():
    """The caller knows by how much."""
    parts = compose("palabra " * 1000, products={}, text_limit=3000).parts

    assert [len(part.text) <= 3000 for part in parts] == [True] * 3


def test_unknown_products_and_products_without_a_usable_picture_are_told():
    """They are dropped from the reply and come back for the log."""
    result = composed("A [SEND_IMAGE:NOPE] [SEND_IMAGE:P4] [SEND_IMAGE:P5]")

    assert result.unknown_products == ("NOPE", "P4", "P5")
    assert len(result.parts) == 1


def test_a_relative_link_gets_the_base_url_and_a_blank_one_is_skipped():
    """The first usable image counts."""
    assert links("[SEND_IMAGE:P3]") == ["https://shop.example/media/p3.png"]


def test_without_a_base_url_relative_links_are_not_usable():
    """Meta could not fetch them."""
    assert compose("[SEND_IMAGE:P1]", products=SHOP).unknown_products == ("P1",)


def test_at_most_three_images_go_out_each_once():
    """A reply is no catalogue."""
    reply = "".join(f"[SEND_IMAGE:{key}]" for key in ("P1", "P1", "p1", "P2", "P3", "P6"))

    assert len(links(reply)) == len(set(links(reply))) == 3


def test_a_long_product_name_is_cut_at_the_limit_of_captions():
    """1,024 characters."""
    (part,) = compose("[SEND_IMAGE:X]", products={"X": Product("n" * 2000, ["https://x.example/a.png"])}).parts

    assert len(part.payload["image"]["caption"]) == 1024


@pytest.mark.parametrize("reply", ["", "   \n ", "[SEND_IMAGE:NOPE]", "<p></p>", "\u200b\u200d", "\x00", "---"])
def test_a_reply_without_words_has_no_text_bubble(reply):
    """WhatsApp refuses empty texts."""
    assert composed(reply).parts == ()


@pytest.mark.parametrize(
    ("written", "sent"),
    [
        ("**negrita** y __también__", "*negrita* y *también*"),
        ("***las dos***", "*_las dos_*"),
        ("## Título **uno** ##\ntexto", "*Título uno*\ntexto"),
        ("# **Precio**", "*Precio*"),
        ("ver [tienda](https://x.example/a_b?c=1)", "ver tienda (https://x.example/a_b?c=1)"),
        ("[https://x.example](https://x.example)", "https://x.example"),
        ("![foto](https://x.example/a.png)", "foto (https://x.example/a.png)"),
        ("[a@b.co](mailto:a@b.co)", "a@b.co"),
        ("~~10~~ 8", "~10~ 8"),
        ("* uno\n+ dos\n- tres", "- uno\n- dos\n- tres"),
        ("a\n\n---\n\nb", "a\n\nb"),
        ("2 ** 3 ** 4", "2 ** 3 ** 4"),
        ("snake__case__name", "snake__case__name"),
        ("<b>x</b> <i>y</i>", "x y"),
        ("uno<br>dos<br/>tres", "uno\ndos\ntres"),
        ("<ul><li>uno</li><li>dos</li></ul>", "- uno\n- dos"),
        ('<a href="https://x.example">x</a>', "x"),
        ("<script>x</script>", "x"),
        ("a &amp; b &lt;b&gt;c&lt;/b&gt;", "a & b c"),
        ("<<b>script>x", "x"),
        ("<https://x.example/a>", "https://x.example/a"),
        ("<ana@x.example>", "ana@x.example"),
        ("3 < 5 y 7 > 6 <3", "3 < 5 y 7 > 6 <3"),
        ("uno\r\ndos\x07", "uno\ndos"),
        ("a\n\n\n\n\nb", "a\n\nb"),
    ],
)
def test_markdown_and_html_become_whatsapp_formatting(written, sent):
    """*bold*, _italic_, plain links; what is no markup stays."""
    assert texts(written) == [sent]


@pytest.mark.parametrize(
    "unit", [" ", "\n ", "* ", "- ", "**a", "[", "[send_image:", "[A_:", "<a", "<!--", "# x ", "![](https://x", "&#60;"]
)
def test_a_long_hostile_reply_takes_time_in_proportion_to_its_length(unit):
    """No pattern of ours runs away: 100 KB of anything are done at once."""
    began = time.process_time()

    compose(unit * (100_000 // len(unit)) + "x", products=SHOP)

    assert time.process_time() - began < 3


# --- splitting --------------------------------------------------------------------------------------------------


def test_a_text_within_the_limit_is_one_bubble():
    """Exactly 4,096 characters still are."""
    assert split_text("x" * 4096) == ["x" * 4096]


def test_a_long_text_is_cut_at_the_end_of_a_sentence():
    """Where a reader would pause."""
    text = "Una frase corta. " * 500

    pieces = split_text(text)

    assert len(pieces) == 3
    assert all(piece.endswith("corta.") for piece in pieces)
    assert " ".join(pieces) == text.strip()


def test_a_paragraph_end_is_better_than_a_sentence_end():
    """When it is not too early."""
    first, second = split_text("a. " * 20 + "b\n\n" + "c. " * 20, limit=100)

    assert first.endswith("b")
    assert second.startswith("c")


def test_words_stay_whole_where_there_are_no_sentences():
    """A cut goes between words."""
    assert split_text("palabra " * 5, limit=20) == ["palabra palabra", "palabra palabra", "palabra"]


@pytest.mark.parametrize(
    "mark",
    ["e\u0301", "\U0001f469\u200d\U0001f469\u200d\U0001f467", "\U0001f44d\U0001f3fd", "\U0001f1e8\U0001f1f4"],
    ids=ascii,
)
def test_a_character_of_several_parts_stays_whole(mark):
    """Accents, families, skin tones, flags."""
    for limit in range(20, 28):
        pieces = split_text(mark * 30, limit=limit)

        assert all(len(piece) % len(mark) == 0 for piece in pieces)
        assert "".join(pieces) == mark * 30


def test_ideographic_sentences_need_no_space():
    """Chinese and Japanese text has none."""
    assert split_text("\u597d\u7684\u3002" * 10, limit=10)[0] == "\u597d\u7684\u3002" * 3


# --- interactive ------------------------------------------------------------------------------------------------


def test_reply_buttons_are_written_as_meta_wants_them():
    """Body, buttons, header and footer; readable in the transcript."""
    part = reply_buttons("¿Seguimos?", [Choice("y", "Sí"), Choice("n", "No")], header="H", footer="F", needs_owner="")

    assert part.payload == {
        "type": "interactive",
        "interactive": {
            "type": "button",
            "body": {"text": "¿Seguimos?"},
            "action": {
                "buttons": [
                    {"type": "reply", "reply": {"id": "y", "title": "Sí"}},
                    {"type": "reply", "reply": {"id": "n", "title": "No"}},
                ]
            },
            "header": {"type": "text", "text": "H"},
            "footer": {"text": "F"},
        },
    }
    assert part.text == "¿Seguimos?\n[Sí]\n[No]"


def test_a_list_menu_is_written_as_meta_wants_it():
    """One section of rows behind a button."""
    part = list_menu("Elige", "Ver", [Choice("1", "Crema", "De rosas"), Choice("2", "Jabón")])

    assert part.payload["interactive"]["action"] == {
        "button": "Ver",
        "sections": [
            {"rows": [{"id": "1", "title": "Crema", "description": "De rosas"}, {"id": "2", "title": "Jabón"}]}
        ],
    }


@pytest.mark.parametrize(
    ("make", "told"),
    [
        (lambda: reply_buttons("x", []), "1 to 3 choices"),
        (lambda: reply_buttons("x", [Choice(str(i), str(i)) for i in range(4)]), "1 to 3 choices"),
        (lambda: reply_buttons("", [Choice("1", "a")]), "body is empty"),
        (lambda: reply_buttons("x" * 1025, [Choice("1", "a")]), "body has 1025"),
        (lambda: reply_buttons("x", [Choice("1", "a" * 21)]), "title has 21"),
        (lambda: reply_buttons("x", [Choice("1" * 257, "a")]), "id has 257"),
        (lambda: reply_buttons("x", [Choice("1", "a"), Choice("2", "a")]), "same title"),
        (lambda: reply_buttons("x", [Choice("1", "a"), Choice("1", "b")]), "same id"),
        (lambda: reply_buttons("x", [Choice("1", "a")], header="h" * 61), "header has 61"),
        (lambda: reply_buttons("x", [Choice("1", "a")], footer="f" * 61), "footer has 61"),
        (lambda: list_menu("x", "b" * 21, [Choice("1", "a")]), "button has 21"),
        (lambda: list_menu("x", "b", [Choice(str(i), str(i)) for i in range(11)]), "1 to 10 choices"),
        (lambda: list_menu("x", "b", [Choice("1", "a" * 25)]), "title has 25"),
        (lambda: list_menu("x", "b", [Choice("1", "a", "d" * 73)]), "description has 73"),
    ],
)
def test_a_broken_limit_is_told(make, told):
    """Before Meta refuses the message."""
    with pytest.raises(ValueError, match=told):
        make()
