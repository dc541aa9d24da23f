"""From which score on a hit may be answered from: fitted to each index when it is built.

Known phrasings, each searched as if it were not in the index, say how well real questions score; small talk and
questions of other trades say how well nonsense does.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

#: (document number, its words, row id, language)
Phrase = tuple[int, str, str, str]
#: words, document to leave out, language -> (row id, score, share) of the best row, or None
Search = Callable[[str, int, str], tuple[str, float, float] | None]

#: From this confidence on a row answers the query.
ENOUGH = 0.5
_MOST_PHRASES = 90
_LEAST_PHRASES = 12
_STEPS = 12

_OFF_TOPIC = {
    "es": (
        "quién ganó las elecciones", "va a hacer frío esta semana", "cuál es el río más largo del mundo",
        "ayúdame con un ensayo de historia", "venden televisores", "cuánto vale un tiquete a Cartagena",
        "busco un electricista", "qué piensas de la inflación", "recomiéndame una serie", "tienen trabajo para mí",
        "quiero una hamburguesa", "arreglan computadores", "cuéntame una historia", "cómo estás hoy", "qué haces",
        "a cómo está el dólar", "dónde queda el estadio", "mi perro está enfermo", "jajaja qué risa", "no sé qué decir",
        "quiero aprender a bailar salsa", "se me dañó el carro", "feliz cumpleaños", "qué hora es en Madrid",
    ),
    "en": (
        "who won the election", "will it rain this week", "what is the longest river in the world",
        "help me with an essay", "do you sell televisions", "how much is a flight to Miami",
        "I am looking for a plumber",
        "recommend me a series", "are you hiring", "I would like a burger", "can you fix my phone", "tell me a story",
        "how are you today", "what time is it in London", "my dog is sick", "how do I learn to dance",
    ),
    "pt": (
        "quem ganhou a eleição", "vai chover esta semana", "qual é o rio mais longo do mundo",
        "vocês vendem televisores",
        "quanto custa uma passagem para o Rio", "procuro um encanador", "me recomenda uma série", "tem vaga de emprego",
        "quero uma pizza", "consertam celular", "me conta uma história", "tudo bem com você", "que horas são em Lisboa",
        "meu cachorro está doente",
    ),
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Limits:
    """The least score, and the least share of the query's weight, of an answer."""

    score: float
    share: float

    def confidence(self, score: float, share: float) -> float:
        """0 to 1; 0.5 where the weaker of the two signals just reaches its limit.

        A question of one frequent word ("envío") cannot score high: a large share makes up for part of that.
        """
        fits = share / self.share
        ratio = min(fits, score / self.score * max(1.0, fits) ** 0.5) if self.score else fits
        return round(ratio**2 / (1 + ratio**2), 4)


#: Where there are too few phrasings to fit: only the share, which does not grow with the index.
DEFAULT = Limits(score=0.0, share=0.3)


def fit(phrases: Sequence[Phrase], best: Search, langs: Iterable[str]) -> Limits:
    """The limits that part the phrasings that found their row from off-topic questions best."""
    step = max(1, -(-len(phrases) // _MOST_PHRASES))
    right: list[tuple[float, float]] = []
    for number, words, row, lang in phrases[::step]:
        hit = best(words, number, lang)
        if hit and hit[0] == row:
            right.append(hit[1:])
    if len(right) < _LEAST_PHRASES:
        return DEFAULT
    wrong = [hit[1:] for lang in langs for words in _OFF_TOPIC[lang] if (hit := best(words, -1, lang))]
    return _parting(right, wrong)


def _parting(right: list[tuple[float, float]], wrong: list[tuple[float, float]]) -> Limits:
    """Among pairs of low quantiles of `right`: the pair with the most right ones kept and wrong ones refused."""
    scores, shares = sorted(score for score, _ in right), sorted(share for _, share in right)
    quantiles = [int(len(right) * step * 0.025) for step in range(_STEPS)]
    choices = [Limits(scores[i], max(shares[j], 1e-6)) for i in quantiles for j in quantiles]
    return max(choices, key=lambda limits: _gain(limits, right, wrong))


def _gain(limits: Limits, right: list[tuple[float, float]], wrong: list[tuple[float, float]]) -> float:
    kept = sum(limits.confidence(*hit) >= ENOUGH for hit in right) / len(right)
    passed = sum(limits.confidence(*hit) >= ENOUGH for hit in wrong)
    return kept - passed / max(1, len(wrong))
