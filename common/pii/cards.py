"""Payment cards (issuer range and Luhn) and IBANs (country length and mod 97)."""

from __future__ import annotations

import re
from collections.abc import Iterator

from common.pii.spans import Span, canonical

_GROUP = re.compile(r"[0-9]+")
_GAPS = frozenset(("", " ", "-", ".", "  ", " - "))
_SECURITY_CODE = re.compile(
    r"\b(?:cvv2?|cvc2?|cvn|c[oó]digo\s+de\s+seguran?[cçz]a|c[oó]digo\s+de\s+seguridad|security\s+code)"
    r"[^\w\x1f]{0,3}(?:es|is|é)?[^\w\x1f]{0,3}([0-9]{3,4})(?![0-9])",
    re.IGNORECASE,
)
_Ranges = tuple[tuple[str, str], ...]
#: (how telling, lengths, first digits from - to). Source: public issuer identification ranges.
_ISSUERS: tuple[tuple[str, tuple[int, ...], _Ranges], ...] = (
    ("main", (16,), (("4", "4"), ("51", "55"), ("2221", "2720"), ("2200", "2204"))),
    ("main", (15,), (("34", "34"), ("37", "37"))),
    ("main", (16, 17, 18, 19), (("3528", "3589"),)),
    ("other", (13, 19), (("4", "4"),)),
    ("other", (15,), (("1800", "1800"), ("2131", "2131"))),
    ("other", (14, 15, 16, 17, 18, 19), (("300", "305"), ("36", "36"), ("38", "39"))),
    ("other", tuple(range(12, 20)), (("50", "50"), ("56", "69"))),
)
#: Before a number of an `other` range, which chance numbers may fall into: it is no card then.
_REFERENCE = re.compile(
    r"(?:pedido|orden|order|gu[ií]a|factura|invoice|rastreo|tracking|c[oó]digo|ref(?:erencia)?|lote)"
    r"[^\w\x1f]{0,4}(?:n[uú]mero|number|n[o°º]|nro)?[^\w\x1f]{0,4}$",
    re.IGNORECASE,
)

_IBAN_START = re.compile(r"(?<![A-Za-z0-9])[A-Za-z]{2}[0-9]{2}(?=[ .\-]?[A-Za-z0-9])")
# Source: SWIFT IBAN registry, total length by country.
_IBAN_REGISTRY = """
    AD24 AE23 AL28 AT20 AZ28 BA20 BE16 BG22 BH22 BI27 BR29 BY28 CH21 CR22 CY28 CZ24 DE22 DJ27 DK18 DO28 EE20 EG29
    ES24 FI18 FK18 FO18 FR27 GB22 GE22 GI23 GL18 GR27 GT28 HN28 HR21 HU28 IE22 IL23 IQ23 IS26 IT27 JO30 KW30 KZ20
    LB28 LC32 LI21 LT20 LU20 LV21 LY25 MC27 MD24 ME22 MK19 MN20 MR27 MT31 MU30 NI28 NL18 NO15 OM23 PK24 PL28 PS29
    PT25 QA29 RO24 RS22 RU33 SA24 SC31 SD18 SE24 SI19 SK24 SM27 SO23 ST25 SV28 TL23 TN24 TR26 UA29 VA22 VG24 XK20
    YE30"""
_IBAN_LENGTHS = {entry[:2]: int(entry[2:]) for entry in _IBAN_REGISTRY.split()}


def luhn(digits: str) -> bool:
    """The check sum of payment cards. Source: ISO/IEC 7812-1."""
    odd = sum(map(int, digits[-1::-2]))
    return (odd + sum((0, 2, 4, 6, 8, 1, 3, 5, 7, 9)[int(digit)] for digit in digits[-2::-2])) % 10 == 0


def is_card(digits: str) -> bool:
    """An issuer's range of the right length with a right check sum."""
    return bool(_brand(digits)) and luhn(digits)


def find_cards(text: str) -> Iterator[Span]:
    """Cards, in groups or not, and their security codes."""
    groups = [match.span() for match in _GROUP.finditer(text)]
    at = 0
    seen = False
    while at < len(groups):
        last = _card_from(text, groups, at)
        if last is None:
            at += 1
            continue
        seen = True
        start, end = groups[at][0], groups[last][1]
        yield Span(start, end, "CARD", canonical(text[start:end]))
        at = last + 1
    if seen:
        for match in _SECURITY_CODE.finditer(text):
            yield Span(match.start(1), match.end(1), "CARD", f"CVV{match[1]}")


def find_ibans(text: str) -> Iterator[Span]:
    """IBANs, in groups or not."""
    until = 0
    for match in _IBAN_START.finditer(text):
        length = _IBAN_LENGTHS.get(match[0][:2].upper())
        end = _alnum_run(text, match.start(), length) if length and match.start() >= until else None
        if end is None:
            continue
        value = canonical(text[match.start() : end])
        if _mod97(value) == 1:
            yield Span(match.start(), end, "IBAN", value)
            until = end


def _card_from(text: str, groups: list[tuple[int, int]], first: int) -> int | None:
    """Index of the last group of the longest card that begins with group `first`."""
    digits = ""
    found = None
    for i in range(first, min(first + 19, len(groups))):
        start, end = groups[i]
        if i > first and text[groups[i - 1][1] : start] not in _GAPS:
            break
        digits += text[start:end]
        if len(digits) > 19:
            break
        if len(digits) >= 12 and is_card(digits) and not _is_reference(text, groups[first][0], digits):
            found = i
    return found


def _is_reference(text: str, start: int, digits: str) -> bool:
    return _brand(digits) == "other" and bool(_REFERENCE.search(text[max(0, start - 32) : start]))


def _brand(digits: str) -> str:
    """`main`, `other` or nothing, by issuer range and length."""
    for brand, sizes, lows_highs in _ISSUERS:
        if len(digits) in sizes and any(low <= digits[: len(low)] <= high for low, high in lows_highs):
            return brand
    return ""


def _alnum_run(text: str, start: int, length: int) -> int | None:
    """Where `length` letters and digits from `start` end, single separators between; None when they do not."""
    at, count = start, 0
    while at < len(text) and count < length:
        char = text[at]
        if char.isascii() and char.isalnum():
            count += 1
        elif not (char in " -." and text[at - 1] not in " -."):
            return None
        at += 1
    whole = count == length and (at == len(text) or not text[at].isalnum())
    return at if whole else None


def _mod97(iban: str) -> int:
    return int("".join(str(int(char, 36)) for char in iban[4:] + iban[:4])) % 97
