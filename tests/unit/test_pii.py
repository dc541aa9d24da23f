"""Personal data: what is found, what stays, and how it comes back."""

from __future__ import annotations

import time

import pytest

from common.pii.cards import is_card
from common.pii.ids import is_cnpj
from common.pii.redact import Found, redact, restore, strip_placeholders, warm


def clean(text: str, region: str = "CO", **options: dict[str, str]) -> str:
    return redact(text, region=region, **options).text


@pytest.fixture(scope="module", autouse=True)
def _warm() -> None:
    warm()


@pytest.mark.parametrize(
    ("region", "text", "expected"),
    [
        ("CO", "mi cel es 300 123 4567", "mi cel es [PHONE_1]"),
        ("CO", "+57 (300) 123-4567 o 6013456789", "[PHONE_1] o [PHONE_2]"),
        ("CO", "escribe al 573001234567", "escribe al [PHONE_1]"),
        ("CO", "wa.me/5215512345678", "wa.me/[PHONE_1]"),
        ("MX", "llámame al 55 1234 5678", "llámame al [PHONE_1]"),
        ("BR", "meu zap é (11) 98765-4321", "meu zap é [PHONE_1]"),
        ("CO", "tel 1234567", "tel [PHONE_1]"),
        ("CO", "3️⃣0️⃣0️⃣1️⃣2️⃣3️⃣4️⃣5️⃣6️⃣7", "[PHONE_1]"),
        ("CO", "٣٠٠١٢٣٤٥٦٧", "[PHONE_1]"),
        ("CO", "300\u200b123\u200b4567", "[PHONE_1]"),
        ("CO", "ana.perez+x@gmail.com, por favor", "[EMAIL_1], por favor"),
        ("CO", "ana arroba gmail punto com", "[EMAIL_1]"),
        ("CO", "ana @ hotmail. com", "[EMAIL_1]"),
        ("CO", "tarjeta 4111 1111 1111 1111 cvv 123", "tarjeta [CARD_1] cvv [CARD_2]"),
        ("CO", "5555555555554444", "[CARD_1]"),
        ("CO", "2223-0031-2200-3222", "[CARD_1]"),
        ("CO", "3782 822463 10005", "[CARD_1]"),
        ("CO", "501800000009", "[CARD_1]"),
        ("CO", "4111 1111 1111 1111 12/27", "[CARD_1] 12/27"),
        ("ES", "ES91 2100 0418 4502 0005 1332 gracias", "[IBAN_1] gracias"),
        ("ES", "DE89370400440532013000", "[IBAN_1]"),
        ("CO", "mi cédula es 1.020.304.050", "mi cédula es [ID_1]"),
        ("CO", "CC 52123456", "CC [ID_1]"),
        ("CO", "cédula de ciudadanía No. 52.123.456", "cédula de ciudadanía No. [ID_1]"),
        ("CO", "empresa 900.123.456-8", "empresa [ID_1]"),
        ("CO", "nit 900123456", "nit [ID_1]"),
        ("MX", "GODE561231HDFRRN09", "[ID_1]"),
        ("MX", "mi rfc GODE561231GR8", "mi rfc [ID_1]"),
        ("ES", "12345678Z", "[ID_1]"),
        ("ES", "X-1234567-L", "[ID_1]"),
        ("AR", "dni 30.123.456", "dni [ID_1]"),
        ("AR", "20-12345678-6", "[ID_1]"),
        ("CL", "12.345.678-5", "[ID_1]"),
        ("CL", "rut 7654321-6", "rut [ID_1]"),
        ("BR", "529.982.247-25", "[ID_1]"),
        ("BR", "cpf 52998224725", "cpf [ID_1]"),
        ("BR", "11.222.333/0001-81", "[ID_1]"),
        ("BR", "12.ABC.345/01DE-35", "[ID_1]"),
        ("CO", "Calle 10 # 43-12 apto 201", "[ADDRESS_1] apto 201"),
        ("CO", "Ana, 48.456.543, +1 212 555 0123", "Ana, [ID_1], [PHONE_1]"),
    ],
)
def test_personal_data_becomes_a_typed_placeholder(region: str, text: str, expected: str) -> None:
    """Each kind, in the ways people write it."""
    assert clean(text, region) == expected


@pytest.mark.parametrize(
    "text",
    [
        "¿cuánto cuesta la crema?",
        "mi pedido 3001234567 no llega",
        "pedido # 4111111",
        "guía 113542617735902",
        "factura No. 12345678",
        "order 1234567890",
        "vale $48.900 o $ 1.250.000",
        "pagué 3.000.000 pesos",
        "el 12/05/2026 a las 10:30",
        "código de barras 7702011223344",
        "INVIMA NSOC12345-20CO",
        "son 2 cremas de 60 ml y 3 jabones de 110 g",
        "escríbanos @raizserena",
        "calle 10",
        "lote 20260512",
        "[PHONE_1] y [ID_2]",
    ],
)
def test_order_numbers_prices_and_dates_stay(text: str) -> None:
    """What the shop needs to read is no personal data."""
    assert clean(text) == text


def test_the_same_value_gets_the_same_placeholder() -> None:
    """However it is written."""
    result = redact("300 123 4567, es decir +57 3001234567; y 310 765 4321", region="CO")
    assert result.text == "[PHONE_1], es decir [PHONE_1]; y [PHONE_2]"
    assert [item.value for item in result.found] == ["300 123 4567", "310 765 4321"]


def test_earlier_values_keep_their_placeholders() -> None:
    """Several messages of one context share one numbering."""
    first = redact("mi cel 3001234567", region="CO")
    second = redact("o al 3107654321, no al 300-123-4567", region="CO", earlier=first.found)
    assert second.text == "o al [PHONE_2], no al [PHONE_1]"
    assert restore(second.text, second.found) == "o al 3107654321, no al 3001234567"


def test_known_strings_are_masked_in_any_case_and_accents() -> None:
    """The profile name, as the customer writes it; never inside another word."""
    known = {"Ana Ruíz": "NAME", "Li": "NAME"}
    assert redact("soy ANA RUIZ, no Ana Ruizal, y limpio", region="CO", known=known).text == (
        "soy [NAME_1], no Ana Ruizal, y limpio"
    )


def test_a_placeholder_that_a_customer_types_is_not_given_out() -> None:
    """Nobody reads another value by guessing its name, and numbering skips what is shown."""
    result = redact("[PHONE_1] 3001234567", region="CO")
    assert result.text == "[PHONE_1] [PHONE_2]"
    assert restore("llama al [PHONE_1]", result.found) == "llama al "


def test_restore_puts_values_back_and_drops_unknown_placeholders() -> None:
    """A model may only repeat what it was given."""
    found = (Found("PHONE", "[PHONE_1]", "300 1"),)
    assert restore("al [PHONE_1] no al [EMAIL_7] [SEND_IMAGE:a_1]", found) == "al 300 1 no al  [SEND_IMAGE:a_1]"
    assert strip_placeholders("a [ID_1]b [x] [SEND_IMAGE:id_1]") == "a b [x] [SEND_IMAGE:id_1]"


def test_an_unknown_region_still_finds_international_numbers() -> None:
    """A wrong country code is no reason to leak."""
    assert clean("+57 300 123 4567", "??") == "[PHONE_1]"


def test_main_card_brands_are_masked_even_after_an_order_word() -> None:
    """A leaked card costs more than an unreadable order number; chance matches of other ranges stay."""
    assert clean("pedido 4111111111111111") == "pedido [CARD_1]"
    assert clean("pedido 501800000009") == "pedido 501800000009"


def test_check_sums() -> None:
    """Issuer, length and Luhn; CNPJ with letters."""
    assert is_card("4111111111111111")
    assert not is_card("4111111111111112")
    assert not is_card("1111111111111117")
    assert is_cnpj("12ABC34501DE35")
    assert not is_cnpj("12ABC34501DE36")
    assert not is_cnpj("00000000000000")


_WORST = {
    "digits": "1" * 100_000,
    "spaced digits": "1 " * 50_000,
    "at signs": "@" * 100_000,
    "half addresses": "a@" * 50_000,
    "dots": "a@" + "a." * 50_000,
    "hyphens": "a-" * 50_000 + "@",
    "brackets": "(1" * 50_000,
    "country codes": "+57 " * 25_000,
    "iban heads": "ES91 " * 20_000,
    "labels": "cedula de de de de " * 5_000 + "1",
    "phones": "3001234567 " * 9_000,
    "streets": "calle 1 " * 12_000 + "-",
    "arrobas": "a arroba " * 11_000,
    "card heads": "4111 " * 20_000,
}


@pytest.mark.parametrize("name", _WORST)
def test_no_text_of_100_kb_takes_long(name: str) -> None:
    """Bounded patterns: far over any chat message, a second or two of CPU at the most; then nothing is left to find."""
    began = time.process_time()
    result = redact(_WORST[name], region="CO")
    assert time.process_time() - began < 5
    assert redact(result.text, region="CO").text == result.text


def test_a_chat_message_without_digits_costs_next_to_nothing() -> None:
    """Early exits: at least 20 times cheaper than a message with a phone number."""

    def cost(text: str) -> float:
        began = time.process_time()
        for _ in range(300):
            redact(text, region="CO")
        return time.process_time() - began

    assert cost("hola, ¿cuánto cuesta la crema de caléndula?") * 20 < cost("mi cel es 300 123 4567, gracias")
