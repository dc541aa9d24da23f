"""National ids of Colombia, Mexico, Spain, Argentina, Chile and Brazil.

An id with a check digit is believed when the digit is right and its form (separators, letters) or a word before it
says so; one without (a bare cedula) only by the word before it, or in a message that carries other personal data.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

from stdnum.ar import cuit
from stdnum.br import cpf
from stdnum.cl import rut
from stdnum.co import nit
from stdnum.es import dni, nie

from common.pii.patterns import GAP, is_reference, is_sum
from common.pii.spans import Span, canonical

_LABELLED = re.compile(
    r"\b(?:c\.?\s?c|c\.\s?e|c\.?\s?i|t\.\s?i|c[eé]dulas?|dni|d\.\s?n\.\s?i|nie|nit|rut|run|rfc|curp|cpf|cnpj|cui[tl]|rg|ine"
    r"|pas+aporte|passport|documento|document|identificaci[oó]n|identidade?|identification"
    r"|(?:mi|my|meu)\s+id|id\s+(?:number|card)|national\s+id)\b"
    + GAP
    + r"((?:[A-Z]{1,4}[-. ]?)?[0-9]{1,3}(?:[. ,'][0-9]{3}){1,3}(?:\s?[-/][0-9]{4})?(?:\s?-?\s?[0-9A-Z]{1,2})?"
    r"(?![0-9A-Z])"
    r"|[A-Z]{0,4}[-. ]?[0-9]{5,14}(?:[-/.][0-9]{1,4}){0,2}(?:-?[A-Z])?(?![0-9A-Z]))",
    re.IGNORECASE,
)
_CURP = re.compile(r"(?<!\w)[A-Z]{4}[0-9]{6}[HMX][A-Z]{5}[A-Z0-9][0-9](?!\w)", re.IGNORECASE)
_RFC = re.compile(
    r"(?<![\w&])[A-ZÑ&]{3,4}-?[0-9]{2}(?:0[1-9]|1[0-2])(?:0[1-9]|[12][0-9]|3[01])-?[A-Z0-9]{2}[0-9A](?!\w)",
    re.IGNORECASE,
)
_CNPJ = re.compile(
    r"(?<!\w)(?:[0-9A-Z]{2}\.[0-9A-Z]{3}\.[0-9A-Z]{3}/[0-9A-Z]{4}-?[0-9]{2}|[0-9]{14})(?!\w)", re.IGNORECASE
)
_CPF = re.compile(r"(?<!\w)(?:[0-9]{3}\.[0-9]{3}\.[0-9]{3}[-/. ]?[0-9]{2}|[0-9]{9}-[0-9]{2}|[0-9]{11})(?!\w)")
_CUIT = re.compile(
    r"(?<!\w)(?:20|2[3-7]|3[034])(?:[- ./][0-9]{8}[- ./][0-9]|[0-9]{9}|-[0-9]{2}\.[0-9]{3}\.[0-9]{3}-[0-9])(?!\w)"
)
_SPAIN = re.compile(r"(?<!\w)(?:[0-9]{2}\.?[0-9]{3}\.?[0-9]{3}|[XYZ][- ]?[0-9]{7})[- ]?[A-Z](?!\w)", re.IGNORECASE)
_RUT = re.compile(r"(?<!\w)[0-9]{1,2}(?:\.[0-9]{3}\.[0-9]{3}|[0-9]{6})-[0-9K](?!\w)", re.IGNORECASE)
_NIT = re.compile(r"(?<!\w)[0-9]{3}(?:\.[0-9]{3}\.[0-9]{3}|[0-9]{6})\s?-\s?[0-9](?!\w)")
_LOOSE = re.compile(r"(?<![\w.,\-/#$])(?:[0-9]{1,3}(?:\.[0-9]{3}){2,3}|[0-9]{7,10})(?![\w\-/]|[.,][0-9])")
_PERSONAL = re.compile(
    r"\b(?:mis\s+datos|datos|nombre|direcci[oó]n|barrio|calle|carrera|cra|apto|ciudad|endere[cç]o|address)\b",
    re.IGNORECASE,
)


def find_ids(text: str, region: str) -> Iterator[Span]:
    """Ids that a word, a form or a check digit gives away. `region` lifts the need for separators at home."""
    for match in _LABELLED.finditer(text):
        yield _span(match, 1)
    home = region.upper()
    for pattern, check, bare in _FORMS:
        for match in pattern.finditer(text):
            needs_form = match[0].isdigit() and home != bare
            if not needs_form and check(canonical(match[0])) and not is_reference(text, match.start()):
                yield _span(match)


def find_loose_ids(text: str, *, certain: bool) -> Iterator[Span]:
    """Numbers of an id's length in a message that carries personal data: "Ana, 48.456.543, +57 ..., Cra 7".

    `certain` says that other personal data was found in it.
    """
    if not certain and not _PERSONAL.search(text):
        return
    for match in _LOOSE.finditer(text):
        if not is_sum(text, match.start(), match.end()) and not is_reference(text, match.start()):
            yield _span(match)


def is_cnpj(value: str) -> bool:
    """A CNPJ, also an alphanumeric one. Source: Receita Federal, IN RFB 2.229/2024 (values are ASCII - 48)."""
    if len(value) != 14 or not value[-2:].isdigit() or len(set(value)) == 1:
        return False
    return all(int(value[size]) == _cnpj_digit([ord(char) - 48 for char in value[:size]]) for size in (12, 13))


def _cnpj_digit(values: list[int]) -> int:
    rest = sum(number * (2 + i % 8) for i, number in enumerate(reversed(values))) % 11
    return 0 if rest < 2 else 11 - rest


def _any(_value: str) -> bool:
    return True


def _is_rut(value: str) -> bool:
    return bool(rut.is_valid(value)) and int(value[:-1]) >= 100_000


#: (form, check, region where bare digits are believed). Alphabetic forms are telling enough without a check.
_FORMS: tuple[tuple[re.Pattern[str], Callable[[str], bool], str], ...] = (
    (_CURP, _any, ""),
    (_RFC, _any, ""),
    (_CNPJ, is_cnpj, "BR"),
    (_CPF, cpf.is_valid, "BR"),
    (_CUIT, cuit.is_valid, "AR"),
    (_SPAIN, lambda value: bool(dni.is_valid(value) or nie.is_valid(value)), ""),
    (_RUT, _is_rut, ""),
    (_NIT, nit.is_valid, "CO"),
)


def _span(match: re.Match[str], group: int = 0) -> Span:
    return Span(match.start(group), match.end(group), "ID", canonical(match[group]))
