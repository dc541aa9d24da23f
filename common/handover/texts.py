"""Every fixed text that a customer may get, in Spanish, English and Portuguese; nothing else writes one in code."""

from __future__ import annotations

from typing import Literal

from common.ai.smalltalk import TEXTS as SMALL_TALK
from common.handover.language import Language

Name = Literal[
    "handover", "handover_complaint", "still_waiting", "out_of_hours", "out_of_scope", "dont_know", "failure",
    "back_to_bot", "opted_out", "opted_in", "audio", "image", "video", "document", "sticker", "location", "contacts",
    "unsupported", "too_long",
]  # fmt: skip

TEXTS: dict[Name, dict[Language, str]] = {
    "handover": {
        "es": "Claro. Ya le avisé a una persona del equipo: te escribe por aquí en cuanto pueda.",
        "en": "Of course. I have told a person of our team: they will write to you here as soon as they can.",
        "pt": "Claro. Já avisei uma pessoa da equipe: ela escreve para você aqui assim que puder.",
    },
    "handover_complaint": {
        "es": "Lamento lo que pasó. Ya le avisé a una persona del equipo para revisarlo contigo; te escribe por aquí.",
        "en": "I am sorry about that. I have told a person of our team, who will look into it with you here.",
        "pt": "Lamento o que aconteceu. Já avisei uma pessoa da equipe para ver isso com você por aqui.",
    },
    "still_waiting": {
        "es": "Sigues en la lista: una persona te atiende en cuanto se desocupe.",
        "en": "You are still in line: a person will be with you as soon as one is free.",
        "pt": "Você continua na fila: uma pessoa atende assim que puder.",
    },
    "out_of_hours": {
        "es": "Ahora el equipo no está en línea, pero ya quedó anotado: te escribe una persona cuando abramos.",
        "en": "Our team is not online right now, but it is noted: a person will write to you when we open.",
        "pt": "A equipe não está online agora, mas já ficou anotado: uma pessoa escreve quando abrirmos.",
    },
    "out_of_scope": {
        "es": "Con eso no te puedo servir por aquí: solo sé de nuestra tienda. ¿Quieres que te pase con una persona?",
        "en": "That is beyond me: I only know about our shop. Shall I get a person?",
        "pt": "Com isso não consigo ajudar: só sei da nossa loja. Quer que eu chame uma pessoa?",
    },
    "dont_know": {"es": SMALL_TALK["dont_know"]["es"], "en": SMALL_TALK["dont_know"]["en"],
                  "pt": SMALL_TALK["dont_know"]["pt"]},
    "failure": {
        "es": "Ahora mismo no puedo responderte bien. Ya le avisé a una persona del equipo.",
        "en": "I cannot answer you properly right now. I have told a person of our team.",
        "pt": "Agora não consigo responder direito. Já avisei uma pessoa da equipe.",
    },
    "back_to_bot": {
        "es": "Vuelves a hablar con el asistente automático. Perdona la espera: ¿en qué te puedo servir?",
        "en": "You are back with the automated assistant. Sorry about the wait: what can I do for you?",
        "pt": "Você voltou ao assistente automático. Desculpe a espera: em que posso ajudar?",
    },
    "opted_out": {
        "es": "Listo, no te escribiremos más por aquí. Si quieres volver, envíanos la palabra ALTA.",
        "en": "Done, we will not write to you here again. To come back, send us the word START.",
        "pt": "Pronto, não escreveremos mais por aqui. Se quiser voltar, envie a palavra VOLTAR.",
    },
    "opted_in": {
        "es": "¡Qué bueno tenerte de vuelta! ¿En qué te puedo servir?",
        "en": "Good to have you back! What can I do for you?",
        "pt": "Que bom ter você de volta! Em que posso ajudar?",
    },
    "audio": {
        "es": "Todavía no puedo escuchar audios. ¿Me lo escribes, o prefieres que te pase con una persona?",
        "en": "I cannot listen to voice notes yet. Could you write it, or shall I get a person?",
        "pt": "Ainda não consigo ouvir áudios. Pode escrever, ou prefere que eu chame uma pessoa?",
    },
    "image": {
        "es": "Recibí tu imagen, pero no puedo verla. ¿Me cuentas qué necesitas, o te paso con una persona?",
        "en": "I got your picture, but I cannot see it. Tell me what you need, or shall I get a person?",
        "pt": "Recebi sua imagem, mas não consigo vê-la. Pode me contar o que precisa, ou chamo uma pessoa?",
    },
    "video": {
        "es": "Recibí tu video, pero no puedo verlo. ¿Me cuentas qué necesitas, o te paso con una persona?",
        "en": "I got your video, but I cannot watch it. Tell me what you need, or shall I get a person?",
        "pt": "Recebi seu vídeo, mas não consigo vê-lo. Pode me contar o que precisa, ou chamo uma pessoa?",
    },
    "document": {
        "es": "Recibí tu archivo, pero no puedo abrirlo. ¿Me cuentas qué necesitas, o te paso con una persona?",
        "en": "I got your file, but I cannot open it. Tell me what you need, or shall I get a person?",
        "pt": "Recebi seu arquivo, mas não consigo abri-lo. Pode me contar o que precisa, ou chamo uma pessoa?",
    },
    "sticker": {
        "es": "¡Buen sticker! ¿En qué te puedo servir?",
        "en": "Nice sticker! What can I do for you?",
        "pt": "Boa figurinha! Em que posso ajudar?",
    },
    "location": {
        "es": "Recibí tu ubicación. ¿Qué necesitas? Si es para una entrega, te paso con una persona.",
        "en": "I got your location. What do you need? If it is for a delivery, I can get a person.",
        "pt": "Recebi sua localização. O que você precisa? Se for para uma entrega, chamo uma pessoa.",
    },
    "contacts": {
        "es": "Recibí el contacto, pero no puedo usarlo. ¿Me cuentas qué necesitas?",
        "en": "I got the contact, but I cannot use it. Could you tell me what you need?",
        "pt": "Recebi o contato, mas não consigo usá-lo. Pode me contar o que precisa?",
    },
    "unsupported": {
        "es": "No puedo leer ese tipo de mensaje. ¿Me lo escribes con palabras?",
        "en": "I cannot read that kind of message. Could you write it in words?",
        "pt": "Não consigo ler esse tipo de mensagem. Pode escrever com palavras?",
    },
    "too_long": {
        "es": "Tu mensaje es muy largo para mí. ¿Me lo resumes en unas líneas?",
        "en": "Your message is too long for me. Could you put it in a few lines?",
        "pt": "Sua mensagem é muito longa para mim. Pode resumir em algumas linhas?",
    },
}  # fmt: skip


def say(name: Name, lang: str) -> str:
    """The text `name` in `lang`; in Spanish when there is none."""
    texts = TEXTS[name]
    return next((text for known, text in texts.items() if known == lang), texts["es"])


def for_media(kind: str, lang: str) -> str:
    """The text for a message of Meta's type `kind` that the bot cannot read."""
    known: Name = next((name for name in TEXTS if name == kind), "unsupported")
    return say(known, lang)
