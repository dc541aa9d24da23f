"""What the built-in provider says when there is nothing to look up, in Spanish, English and Portuguese."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from typing import Literal

from common.ai.base import ChatTurn

Topic = Literal["greeting", "thanks", "bye", "who", "accepted", "declined", "acknowledged", "offer_help"]

TEXTS: dict[str, dict[str, str]] = {
    "greeting": {
        "es": "¡Hola! Soy el asistente de la tienda. Pregúntame por productos, precios, envíos o pagos.",
        "en": "Hi! I am the shop's assistant. Ask me about products, prices, shipping or payment.",
        "pt": "Olá! Sou o assistente da loja. Pergunte sobre produtos, preços, entrega ou pagamento.",
    },
    "thanks": {
        "es": "¡Con gusto! Aquí estoy si necesitas algo más.",
        "en": "You are welcome! I am here if you need anything else.",
        "pt": "De nada! Estou aqui se precisar de mais alguma coisa.",
    },
    "bye": {"es": "¡Hasta pronto! Que estés muy bien.", "en": "Goodbye, and take care!", "pt": "Até logo! Fique bem."},
    "who": {
        "es": "Soy el asistente automático de la tienda. Respondo lo que sé y, si quieres, te paso con una persona.",
        "en": "I am the shop's automated assistant. I answer what I know and, if you like, I get you a person.",
        "pt": "Sou o assistente automático da loja. Respondo com o que sei dela e, se quiser, chamo uma pessoa.",
    },
    "declined": {
        "es": "De acuerdo, seguimos por aquí. ¿En qué más te puedo servir?",
        "en": "All right, let us go on here. What else can I do for you?",
        "pt": "Tudo bem, continuamos por aqui. Em que mais posso ajudar?",
    },
    "acknowledged": {"es": "¡Listo! Aquí estoy.", "en": "All right! I am here.", "pt": "Certo! Estou aqui."},
    "offer_help": {
        "es": "Claro, cuéntame qué necesitas.",
        "en": "Sure, tell me what you need.",
        "pt": "Claro, me conta o que precisa.",
    },
    "dont_know": {
        "es": "No tengo esa información. ¿Quieres que te pase con una persona?",
        "en": "I don't have that information. Shall I get a person?",
        "pt": "Não tenho essa informação. Quer que eu chame uma pessoa?",
    },
    "which_product": {
        "es": "¿De qué producto me hablas? Escríbeme su nombre y te cuento.",
        "en": "Which product do you mean? Write me its name and I will tell you.",
        "pt": "De qual produto você fala? Escreva o nome e eu conto.",
    },
    "choices": {
        "es": "Esto te puede servir:\n{list}\n¿Cuál quieres ver?",
        "en": "These may be right for you:\n{list}\nWhich one would you like to see?",
        "pt": "Estes podem servir:\n{list}\nQual você quer ver?",
    },
}  # fmt: skip


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


_SETS: dict[Topic, frozenset[str]] = {
    "greeting": _words(
        """hola holi holis buenas buenos buen dia dias tarde tardes noche noches saludos alo hello hi hey hiya good
        morning afternoon evening day there oi ola bom boa noite tudo bem e como esta estan estas vas va todo
        bien que tal how are you doing ustedes voce voces muy"""
    ),
    "thanks": _words(
        """gracias graciass muchas mil muchisimas thanks thank you thx ty very much so a lot obrigado obrigada obg
        valeu muito por todo la el su tu informacion info amable muy te lo agradezco agradecido agradecida"""
    ),
    "bye": _words(
        """adios chao chau bye goodbye tchau hasta luego pronto manana ate logo mais nos vemos feliz dia tarde
        noche see you later good night que este estes bien"""
    ),
    "acknowledged": _words(
        """ok okay oki okey vale listo dale perfecto entendido bueno genial excelente super great perfect got it
        cool fine nice beleza certo otimo legal claro si ya jaja jajaja jajajaja haha hahaha kkk kkkk lol"""
    ),
}
#: At least one of these must be among the words, else they say something else.
_CORE: dict[Topic, frozenset[str]] = {
    "greeting": _words("hola holi holis buenas buenos buen saludos alo hello hi hey hiya good oi ola bom boa tal"),
    "thanks": _words("gracias graciass thanks thank thx ty obrigado obrigada obg valeu agradezco"),
    "bye": _words("adios chao chau bye goodbye tchau luego pronto logo vemos later"),
}
_WHO = re.compile(
    r"(?:quien (?:eres|es usted|habla|me atiende)|como te llamas|con quien hablo"
    r"|(?:eres|sos|es usted) (?:un |una )?(?:bot|robot|maquina|persona|humano|humana|real|ia)"
    r"|who are you|what are you|are you (?:a |an )?(?:real |human|bot|robot|person|machine|ai)"
    r"|am i (?:talking|speaking|chatting)|quem e voce|voce e (?:um |uma )?(?:robo|bot|pessoa|humano)"
    r"|qual (?:e )?o seu nome)"
)
_YES = re.compile(
    r"(?:(?:si+|sip|claro|dale|bueno|por favor|porfa|ok|okay|vale|listo|de una|me parece|yes|yeah|yep|sure|please|sim"
    r"|pode ser|quero|quiero|esta bien|que|gracias|senor|senora|obrigado|obrigada|thanks)(?: |$)){1,5}"
)
_NO = re.compile(r"(?:no+|nop|nope|nah|nao|todavia no|aun no|not now|no gracias|asi esta bien)(?: .{0,40})?")
_OFFER = re.compile(r"(?:persona|person|pessoa|asesor|agent|humano|human)\?")
_HELP = re.compile(
    r"(?:(?:me )?(?:puedes?|pueden?|podrias?|podrian?) (?:ayudar(?:me)?|colaborar(?:me)?)|me ayudas?|me colaboras?"
    r"|(?:tengo|quiero hacer|una) (?:una )?(?:pregunta|consulta|duda)|i have a question"
    r"|can i ask (?:you )?something|tenho uma (?:pergunta|duvida)|pode me ajudar)(?: por favor| porfa| please)?"
)
_WORD = re.compile(r"[^\W_]+")
_MOST_WORDS = 9


def say(name: str, lang: str) -> str:
    """The text `name` in `lang`; in Spanish when there is none."""
    return TEXTS[name].get(lang) or TEXTS[name]["es"]


def topic(message: str, history: Sequence[ChatTurn] = ()) -> Topic | None:
    """What kind of small talk the whole message is; None when it holds more than that."""
    words = folded_words(message)
    text = " ".join(words)
    if history and history[-1].role == "assistant" and _OFFER.search(folded(history[-1].text)):
        if _YES.fullmatch(text):
            return "accepted"
        if _NO.fullmatch(text):
            return "declined"
    if not words:
        return "acknowledged"
    bare = " ".join(word for word in words if word not in _CORE["greeting"])
    if _HELP.fullmatch(bare):
        return "offer_help"
    if _WHO.match(bare):
        return "who"
    return _by_words(words) if len(words) <= _MOST_WORDS else None


def folded_words(text: str) -> list[str]:
    """The words of `text`, lower case, without accents."""
    return _WORD.findall(folded(text))


def folded(text: str) -> str:
    """`text` in lower case without accents."""
    low = text.lower()
    if low.isascii():
        return low
    return "".join(char for char in unicodedata.normalize("NFD", low) if not unicodedata.combining(char))


def _by_words(words: Sequence[str]) -> Topic | None:
    said = set(words)
    everything = _SETS["greeting"] | _SETS["thanks"] | _SETS["bye"] | _SETS["acknowledged"]
    if not said <= everything:
        return None
    kinds: tuple[Topic, ...] = ("thanks", "bye", "greeting")
    for kind in kinds:
        if said & _CORE[kind]:
            return kind
    return "acknowledged" if said <= _SETS["acknowledged"] else None
