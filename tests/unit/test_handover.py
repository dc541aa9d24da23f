"""Requests for a person: what fires, what does not, and how it is settable."""

from __future__ import annotations

import time

import pytest

from common.handover.detect import detect
from common.handover.language import guess
from common.handover.texts import TEXTS, for_media, say

ASKS = """quiero hablar con un humano|necesito ayuda|tengo una queja|agente|I want to talk to a person|humano|AYUDA
quero falar com um atendente|ayudaaa!!!|ayúdenme por favor|¿Me pueden contactar?|quiero contactar a alguien|persona
me pasas con una asesora?|asesores por favor|hay algún humano ahí?|una persona por favor|quiero hablar con una persona
por favor persona|quiero ser atendido por una persona|reclamo|quiero poner un reclamo|quiero hacer una reclamación
quejarme|hablar con alguien|Puedo hablar con alguien?|help|I need help|can you help me?|complaint|I have a complaint
human please|agent|representative|can I speak to someone?|let me talk to a real person|no quiero un bot|contactar
I don't want a bot I want a human|no quiero hablar con un bot quiero un humano|quero falar com uma pessoa|atendente
no quiero hablar con un robot, pásame con un asesor|preciso de ajuda|tenho uma reclamação|falar com alguém|ajuda
eres un bot? quiero un asesor|hola ayuda con mi pedido|ayuda con mi pedido|una ayuda por favor|servicio al cliente
customer service|Soporte|why don't you connect me to an agent|por que no me pasan con un asesor|HUMANOOO
quiero un ser humano|me ayuda por favor|contact|how can I contact you|I'm waiting for a person|umano|acesor
hola, necesito ayuda para hacer un pedido|quejas y reclamos|no he podido contactar a nadie|llevo una semana sin ayuda
queria hablar con la encargada|gostaria de contatar vocês|humanos|asesora|necesito una persona que me atienda
alguien que me atienda|no quiero esperar mas necesito un asesor|ayuda urgente|buenas tardes ayuda|person|operator
Necesito Ayuda con una devolución|I'd like to file a complaint|manager|uma pessoa por favor|queixa|suporte
quiero hablar con otra persona|speak with a human being|is there a person I can talk to|help me please
hola quisiera ayuda con el pago|help with my order|agente por favor"""

ASKS_NOT = """¿cuánto cuesta la crema?|para una persona de piel seca|crema para personas mayores|¿me ayuda a elegir?
me ayudas a elegir una crema?|no quiero hablar con un humano|no necesito ayuda|no necesito ayuda gracias|eres humano?
eres una persona real?|¿eres un bot o una persona?|are you a bot?|are you a real person?|am I talking to a human
gracias por la ayuda|gracias por tu ayuda|mil gracias por toda la ayuda|thanks for your help|¿la crema ayuda a hidratar?
este jabón ayuda con las manchas?|does it help with acne?|can you help me choose a cream?|I don't need help
I don't want to talk to a person|no me pasen con un asesor|é um robô?|você é uma pessoa?|obrigado pela ajuda
não quero falar com um atendente|esse creme ajuda a hidratar?|hola|gracias|cuanto cuesta por persona|agentes químicos
tiene agentes espumantes?|cabello humano|human hair|contact lenses|avoid contact with eyes|sin quejas|no tengo quejas
ninguna queja|no complaints|no hace falta un asesor|ya no necesito ayuda|estoy hablando con una persona?
puedo ir en persona?|can I pick it up in person|horario de atención al cliente|es para otra persona|no me contacten más
las personas con piel grasa pueden usarla?|hacen envíos a Medellín?|do you ship to Cali?|qual o preço do creme?
serve para pessoas com pele oleosa?|can I buy without talking to an agent|cuántas personas trabajan ahí|sos un robot?
I want something to help with dry skin|what helps with acne|personal|humanitario|helpful|impersonal|agenteX"""


def table(text: str) -> list[str]:
    return [entry for line in text.splitlines() for entry in line.split("|")]


@pytest.mark.parametrize("text", table(ASKS))
def test_a_request_for_a_person_fires(text: str) -> None:
    """The keywords, in three languages, with chat spelling, plurals and feminines."""
    assert detect(text)


@pytest.mark.parametrize("text", table(ASKS_NOT))
def test_what_only_looks_like_a_request_does_not_fire(text: str) -> None:
    """Refusals, questions about the bot, thanks, and keywords that speak of products or their users."""
    assert detect(text) is None


@pytest.mark.parametrize(
    ("text", "word", "lang", "tier"),
    [
        ("tengo una queja", "queja", "es", "complaint"),
        ("I have a complaint", "complaint", "en", "complaint"),
        ("uma reclamação", "reclamacao", "pt", "complaint"),
        ("necesito ayuda", "ayuda", "es", "help"),
        ("quiero un humano", "humano", "es", "person"),
        ("quero falar com um humano", "humano", "pt", "person"),
    ],
)
def test_it_says_which_word_language_and_kind(text: str, word: str, lang: str, tier: str) -> None:
    """What the lead reads as the reason."""
    found = detect(text)
    assert found
    assert (found.word, found.lang, found.tier) == (word, lang, tier)


def test_words_can_be_added_and_taken_out() -> None:
    """HANDOVER_WORDS: own phrases fire, bounded and blind to accents; `-word` removes a built-in one with its forms."""
    assert detect("quiero un VENDEDÓR", extra=("vendedor",))
    assert detect("páseme con  Laura", extra=("con laura",))
    assert detect("vendedores", extra=("vendedor",)) is None
    assert detect("no quiero un vendedor", extra=("vendedor",)) is None
    assert detect("necesito ayuda", extra=("-ayuda",)) is None
    assert detect("las quejas", extra=("-queja",)) is None
    assert detect("un humano, ayuda", extra=("-ayuda",))


def test_long_texts_are_read_quickly() -> None:
    """4,096 characters of the worst kind stay under 50 ms of CPU; more are cut."""
    for part in ("no ", "ayuda ", "persona ", "para una ", "hablar con ", "no me ", "eres un ", "gracias por la "):
        text = (part * 4096)[:8192]
        began = time.process_time()
        detect(text)
        assert time.process_time() - began < 0.2


@pytest.mark.parametrize(
    ("text", "lang"),
    [
        ("hola, cuánto cuesta la crema?", "es"),
        ("tienen envíos a Cali", "es"),
        ("¿donde estan?", "es"),
        ("gracias", "es"),
        ("how much is the cream?", "en"),
        ("do you ship to Cali", "en"),
        ("thanks", "en"),
        ("oi, quanto custa o creme?", "pt"),
        ("vocês entregam em São Paulo?", "pt"),
        ("obrigada", "pt"),
    ],
)
def test_the_language_of_a_short_text(text: str, lang: str) -> None:
    """Common words and letters tell."""
    assert guess(text) == lang


@pytest.mark.parametrize("text", ["", "👍", "12345", "ok", "\ud800", "Привет"])
def test_an_untelling_text_is_in_the_default_language(text: str) -> None:
    """The session's or the shop's."""
    assert guess(text, default="pt") == "pt"


def test_every_text_is_there_in_every_language() -> None:
    """No customer gets an empty line."""
    for texts in TEXTS.values():
        assert all(texts[lang].strip() for lang in ("es", "en", "pt"))
    assert say("handover", "fr") == TEXTS["handover"]["es"]
    assert for_media("audio", "en") == TEXTS["audio"]["en"]
    assert for_media("hologram", "es") == TEXTS["unsupported"]["es"]
