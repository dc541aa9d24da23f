"""Phone numbers: valid ones of the tenant's country, any with a country code, and any after a word for a phone."""

from __future__ import annotations

import re
from collections.abc import Iterator

import phonenumbers
from phonenumbers import (
    Leniency,
    NumberParseException,
    PhoneNumber,
    PhoneNumberFormat,
    PhoneNumberMatcher,
    PhoneNumberType,
)

from common.pii.patterns import GAP, is_reference, is_sum
from common.pii.spans import Span, blank, canonical, disjoint

_SHAPE = re.compile(r"[+(]?[0-9](?:[ ().\-/~x]{0,3}[0-9]){6,24}")
_LABELLED = re.compile(
    r"\b(?:cel(?:u|s|ular(?:es)?)?|m[oó]vil|tel(?:[eé]fonos?|efone|[eé]f|s)?|fono|fijo|whats\s?app|wh?ats|wsp|wpp|wasap|zap|phone"
    r"|mobile|contacto|ll[aá]m[ae][a-z]{0,5}|call\s+me)\b"
    + GAP
    + r"([+(]?[0-9](?:[ ().\-/]{0,2}[0-9]){6,14})(?![0-9])",
    re.IGNORECASE,
)
_PLUS = re.compile(r"(?<![\w+])\+[1-9](?:[ ().\-]{0,2}[0-9]){7,14}(?![0-9])")
_DIGITS = re.compile(r"(?<![\w.,\-])[0-9]{11,13}(?![\w\-])")
#: Calling codes under which a number without its `+` is believed: our customers' countries, long codes first.
_CODES = (
    "502", "503", "504", "505", "506", "507", "591", "593", "595", "598", "34", "51", "52", "54", "55", "56", "57",
    "58",
)  # fmt: skip
_MOBILE = (PhoneNumberType.MOBILE, PhoneNumberType.FIXED_LINE_OR_MOBILE)
#: More number-like runs than this in one message is no chat: all of them are masked, unexamined.
_MOST_RUNS = 100


def find_phones(text: str, region: str) -> Iterator[Span]:
    """Phone numbers in `text`; numbers after an order word, and sums, stay.

    Args:
        text: plain (see spans).
        region: ISO 3166 country whose national numbers are known; anything else means none.
    """
    runs = sum(1 for _ in _SHAPE.finditer(text))
    if not runs:
        return
    told = [_span(match.start(1), match.end(1), match[1], region) for match in _LABELLED.finditer(text)]
    # those with a plus also where the plan of their country has changed since
    told += [_span(match.start(), match.end(), match[0], region) for match in _PLUS.finditer(text)]
    yield from told
    whole = told and not any(text[span.start - 1 : span.start] in ("(", "+") for span in told)
    if whole and not _SHAPE.search(blank(text, disjoint(told))):
        return
    if runs > _MOST_RUNS:
        for match in _SHAPE.finditer(text):
            yield _span(match.start(), match.end(), match[0], "")
        return
    home = region.upper() if region.upper() in phonenumbers.SUPPORTED_REGIONS else None
    for found in PhoneNumberMatcher(text, home, leniency=Leniency.VALID, max_tries=4 * _MOST_RUNS):
        certain = found.raw_string.startswith("+")
        if certain or not (is_reference(text, found.start) or is_sum(text, found.start, found.end)):
            yield Span(found.start, found.end, "PHONE", _e164(found.number))
    yield from _without_plus(text)


def _without_plus(text: str) -> Iterator[Span]:
    for match in _DIGITS.finditer(text):
        if match[0].startswith(_CODES) and not (is_reference(text, match.start()) or is_sum(text, *match.span())):
            # Mexico's numbers lost the 1 after 52 in 2019; WhatsApp kept it.
            number = _parsed("+" + re.sub(r"^521(?=[0-9]{10}$)", "52", match[0]), None)
            if number and phonenumbers.number_type(number) in _MOBILE:
                yield Span(match.start(), match.end(), "PHONE", _e164(number))


def _span(start: int, end: int, value: str, region: str) -> Span:
    number = _parsed(value, region.upper() or None) if region or value.startswith("+") else None
    return Span(start, end, "PHONE", _e164(number) if number else canonical(value))


def _parsed(value: str, region: str | None) -> PhoneNumber | None:
    try:
        number = phonenumbers.parse(value, region)
    except NumberParseException:
        return None
    return number if phonenumbers.is_valid_number(number) else None


def _e164(number: PhoneNumber) -> str:
    return str(phonenumbers.format_number(number, PhoneNumberFormat.E164))
