"""Words around a number that tell what it is, and the shapes of e-mail and street addresses.

All repeats are bounded and no two neighbours of a repeat share a character, so no text makes them slow.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from common.pii.spans import Span, canonical

#: Between a label and its number: "cedula de ciudadania No. 1.020...". Never crosses what was already found.
GAP = (
    r"[^\w\x1f]{0,3}(?:(?:de|la|el|del|do|da|es|is|é|son|no|n[°º]|nro|n[uú]mero|number|num|ciudadan[ií]a|extranjer[ií]a"
    r"|identidade?|identificaci[oó]n|tributari[ao]|card|personal|al|a|me|mi|at|on|to)\b[^\w\x1f]{0,3}){0,4}"
)
_REFERENCE = re.compile(
    r"(?:\b(?:pedidos?|[oó]rden(?:es)?|orders?|gu[ií]as?|facturas?|invoice|referencia|ref|c[oó]digos?|code|cod|lotes?|lot"
    r"|rastreo|rastreamento|tracking|seguimiento|radicado|ticket|caso|case|invima|nsoc|sku|serial|serie|compra|purchase"
    r"|recibo|comprobante|transacci[oó]n|transaction|encomenda|nota\s+fiscal|barras|ean|isbn)|#)"
    r"(?:[^\w\x1f]{0,3}(?:n[uú]mero|number|n[o°º]|nro|num|de|del|mi|is|es|é|env[ií]o|compra|pedido|gu[ií]a|la|el|#)){0,4}"
    r"[^\w\x1f]{0,3}$",
    re.IGNORECASE,
)
_MONEY_BEFORE = re.compile(
    r"(?:[$€£]|\b(?:usd|cop|mxn|ars|clp|brl|eur|precio|price|pre[çc]o|valor|total|pagu[eé]|cuesta|vale|monto|suma))"
    r"(?:[^\w\x1f]{0,3}(?:de|es|is|é|por|a|\$)){0,2}[^\w\x1f]{0,3}$",
    re.IGNORECASE,
)
_MONEY_AFTER = re.compile(
    r"\s{0,2}(?:(?:pesos?|cop|mxn|ars|clp|brl|usd|eur|euros?|d[oó]lares|dollars|reais|unidades|unidad|units|ml|grs?|g|kg|mil"
    r"|millones|personas|seguidores)\b|[€%])",
    re.IGNORECASE,
)
_LOCAL = re.compile(r"[\w.!#$%&'*+/=?^`{|}~\-]{1,64}$")
_DOMAIN = re.compile(r"(?:[\w-]{1,63}\.){1,8}[^\W\d_]{2,24}")
_SPACED_EMAIL = re.compile(
    r"[\w.+\-]{1,64}\s{0,2}(?:@|\(at\)|\[at\]|\barroba\b)\s{0,2}"
    r"(?:gmail|hotmail|outlook|yahoo|icloud|live|proton|protonmail|uol|bol|terra)\s{0,2}(?:\.|\bpunto\b|\bponto\b|\bdot\b)\s{0,2}"
    r"(?:com|es|net|me|mx|co|ar|cl|br)\b(?:\.(?:mx|co|ar|cl|br)\b)?",
    re.IGNORECASE,
)
_STREET = re.compile(
    r"\b(?:calle|cll?|carrera|cra|kra?|cr|diagonal|diag|dg|transversal|trans|tv|avenida|av|autopista)\b\.?\s{0,2}[0-9]{1,3}"
    r"\s?[a-z]{0,2}(?:\s?bis)?(?:\s(?:sur|norte|este|oeste))?\s{0,2}(?:#|\bn[o°º]\b\.?|\bnum\.?|\bn[uú]mero\b)\s{0,2}[0-9]{1,3}"
    r"\s?[a-z]{0,2}\s{0,2}-\s{0,2}[0-9]{1,3}",
    re.IGNORECASE,
)


def is_reference(text: str, start: int) -> bool:
    """The number at `start` is an order, guide, invoice, lot or other reference: it stays visible."""
    return bool(_REFERENCE.search(text[max(0, start - 40) : start]))


def is_sum(text: str, start: int, end: int) -> bool:
    """The number is an amount of money or of things."""
    return bool(_MONEY_BEFORE.search(text[max(0, start - 24) : start]) or _MONEY_AFTER.match(text[end : end + 16]))


def find_emails(text: str) -> Iterator[Span]:
    """E-mail addresses; also "ana arroba gmail punto com" of the large providers."""
    until = 0
    at = text.find("@")
    while at >= 0:
        local = _LOCAL.search(text[max(until, at - 64) : at])
        domain = _DOMAIN.match(text, at + 1)
        if local and domain:
            start, until = at - len(local[0]), domain.end()
            yield Span(start, until, "EMAIL", text[start:until].lower())
        at = text.find("@", max(at + 1, until))


def find_spaced_emails(text: str) -> Iterator[Span]:
    """E-mail addresses in words (ana arroba gmail punto com) or with gaps, only with the domain of a large provider."""
    for match in _SPACED_EMAIL.finditer(text):
        yield Span(match.start(), match.end(), "EMAIL", canonical(match[0]))


def find_streets(text: str) -> Iterator[Span]:
    """Colombian street addresses: Calle 10 # 43-12."""
    for match in _STREET.finditer(text):
        yield Span(match.start(), match.end(), "ADDRESS", canonical(match[0]))
