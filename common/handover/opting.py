"""Does the customer want no more messages, or want them again? Exact words only; pure, about 3 us a message.

A word counts only as the whole message, whatever its case, accents, punctuation or drawn-out letters: "BAJA.", "Stop!";
never inside a sentence ("¿me hacen una baja de precio?", "¿cuándo empieza la alta temporada?").
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

from common.handover.detect import fold
from common.handover.language import Language

#: `out`: no more messages. `in`: again.
Wish = Literal["out", "in"]

#: Reason of a chat that the bot leaves alone because its customer opted out; such a chat is the bot's again afterwards.
OPTED_OUT = "the customer opted out: the bot writes no more"

#: Phrases of a language, as `fold` makes them. "cancelar", "alto", "no más" mean something else in a shop.
_OUT: dict[Language, str] = {
    "es": """
        stop; baja; de baja; dame de baja; darme de baja; deme de baja; quiero darme de baja; parar; detener; pare;
        stop promociones; detener promociones; no recibir promociones; desuscribir; desuscribirme; desuscribirse;
        cancelar suscripcion; no me escriban mas; no me escriba mas; no me escribas mas; no escriban mas;
        no escribir mas; ya no me escriban; dejen de escribirme; deja de escribirme; no mas mensajes;
        no quiero mas mensajes; no quiero recibir mas mensajes; no quiero recibir mensajes; no me envien mas mensajes;
        no me manden mas mensajes; borrenme de la lista; saquenme de la lista""",
    "en": """
        stop; stop all; stopall; unsubscribe; unsubscribe me; opt out; optout; opt-out; stop promotions;
        stop messaging me; stop texting me; stop writing to me; stop messages; no more messages; remove me;
        do not write to me; dont write to me; do not message me; dont message me; do not contact me; dont contact me;
        take me off the list""",
    "pt": """
        stop; parar; pare; sair; sair da lista; descadastrar; descadastre-me; me descadastre; cancelar inscricao;
        parar promocoes; nao me escreva mais; nao me escrevam mais; nao me mande mais mensagens;
        nao me mandem mais mensagens; nao me envie mais mensagens; nao me enviem mais mensagens;
        nao quero mais mensagens; nao quero receber mais mensagens; nao quero receber mensagens; me tire da lista;
        me tirem da lista""",
}
_IN: dict[Language, str] = {
    "es": "start; alta; de alta; dame de alta; darme de alta; quiero volver; volver; reanudar; suscribir; suscribirme",
    "en": "start; unstop; subscribe; resubscribe; resume; opt in; optin; opt-in",
    "pt": "start; voltar; quero voltar; assinar; inscrever; reativar",
}
_EDGES = re.compile(r"^[\W_]+|[\W_]+$")
_WORD = re.compile(r"[^\W_]+(?:['`\u2019\u00b4][^\W_]+)*")
_LONGEST = 80


def wish(text: str | None, *, out: Sequence[str] = (), again: Sequence[str] = ()) -> Wish | None:
    """What the whole of `text` says.

    Args:
        text: what the customer wrote.
        out: OPT_OUT_WORDS: words or phrases beside the built-in ones; `-word` takes a built-in one out.
        again: OPT_IN_WORDS, likewise.
    """
    if not text or len(text) > _LONGEST:
        return None
    first, table = _WORD.search(text), _table(tuple(out), tuple(again))
    if not first or fold(first[0]) not in table.heads:  # nearly every message ends here
        return None
    return table.said.get(_plain(text))


def language_of(text: str, *, default: Language) -> Language:
    """The language of an opt-out or opt-in word; `default` when it is a word of several, or a shop's own."""
    plain = _plain(text)
    found: list[Language] = [lang for table in (_OUT, _IN) for lang, words in table.items() if plain in _phrases(words)]
    return found[0] if len(found) == 1 else default


def _plain(text: str) -> str:
    return _EDGES.sub("", fold(text))


@lru_cache(maxsize=64)
def _phrases(words: str) -> frozenset[str]:
    return frozenset(" ".join(phrase.split()) for phrase in words.split(";"))


@dataclass(frozen=True, slots=True)
class _Table:
    said: Mapping[str, Wish]
    heads: frozenset[str]  # their first words


@lru_cache(maxsize=64)
def _table(out: tuple[str, ...], again: tuple[str, ...]) -> _Table:
    pairs: tuple[tuple[Wish, dict[Language, str], tuple[str, ...]], ...] = (("in", _IN, again), ("out", _OUT, out))
    table: dict[str, Wish] = {}
    for said, built_in, own in pairs:  # a word of both says: no more
        words = frozenset().union(*map(_phrases, built_in.values()))
        removed = {_plain(word[1:]) for word in own if word.startswith("-")}
        added = {_plain(word) for word in own if not word.startswith("-")}
        table |= dict.fromkeys((words - removed | added) - {""}, said)
    return _Table(table, frozenset(word[0] for phrase in table if (word := _WORD.search(phrase))))
