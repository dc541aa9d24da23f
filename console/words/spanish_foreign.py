"""What other parts of Relevo say in English, in Spanish: reasons, refusals of the desk, and Graph's error codes."""

from __future__ import annotations

import re
from collections.abc import Mapping

#: Sentences of workers and desk, whole, and how they read; groups are filled in.
SAID: tuple[tuple[re.Pattern[str], str], ...] = tuple(
    (re.compile(english, re.DOTALL), spanish)
    for english, spanish in (
        (r"asked for a person: (.*)", r"pidió una persona: \1"),
        (r"accepted the offer of a person", r"aceptó hablar con una persona"),
        (r"a person has this chat", r"una persona tiene este chat"),
        (r"number (\S+) is not in WHATSAPP_PHONE_ID", r"el número \1 no está en WHATSAPP_PHONE_ID"),
        (r"written in a group", r"escrito en un grupo"),
        (r"nothing to answer", r"nada que contestar"),
        (r"the customer opted out: the bot writes no more", r"el cliente se dio de baja: el bot ya no escribe"),
        (r"the customer had opted out before", r"el cliente ya se había dado de baja"),
        (r"the customer is back", r"el cliente ha vuelto"),
        (r"the customer stopped marketing messages", r"el cliente ya no quiere mensajes de marketing"),
        (r"no answer from Graph for too long", r"Graph lleva demasiado tiempo sin responder"),
        (r"the 24 h service window is closed", r"la ventana de 24 h está cerrada"),
        (r"the message came too late to be answered by a bot", r"el mensaje llegó muy tarde para que conteste un bot"),
        (r"no model answers: (.*)", r"ningún modelo responde: \1"),
        (r"(\d+) questions in a row without an answer", r"\1 preguntas seguidas sin respuesta"),
        (r"the model asks: (.*)", r"el modelo lo pide: \1"),
        (r"failed: (.*)", r"falló: \1"),
        (r"the answer was not delivered: (.*)", r"la respuesta no se entregó: \1"),
        (r"its job had failed and nobody was told", r"su tarea había fallado sin aviso"),
        (r"taken over", r"tomada"),
        (r"the chat is now with: bot", r"el chat es ahora del bot"),
        (r"the chat is now with: waiting", r"el chat espera ahora a una persona"),
        (r"the chat is now with: human", r"el chat es ahora de una persona"),
        (r"the chat is now with: closed", r"el chat está ahora cerrado"),
        (r"the chat is now with: (.*)", r"el chat es ahora de: \1"),
        (r"This conversation no longer exists\.", r"Esta conversación ya no existe."),
        (
            r"The bot answers here: take the conversation over first\.",
            r"Aquí contesta el bot: primero toma la conversación.",
        ),
        (
            r"Nobody has taken this conversation over yet: take it over first\.",
            r"Nadie ha tomado esta conversación: tómala primero.",
        ),
        (
            r"This conversation is closed: take it over to write again\.",
            r"Esta conversación está cerrada: tómala para escribir.",
        ),
        (
            r"The customer's last message is more than 24 hours old: WhatsApp only allows a template now\.",
            r"El último mensaje del cliente tiene más de 24 horas: WhatsApp ahora solo permite una plantilla.",
        ),
        (r"(.*) has this conversation\.", r"\1 tiene esta conversación."),
        (
            r"(.*) has this conversation: ask them to hand it back\.",
            r"\1 tiene esta conversación: pídele que la devuelva.",
        ),
        (r"Write something first\.", r"Primero escribe algo."),
        (
            r"The text has ([\d,]+) characters; WhatsApp allows ([\d,]+)\.",
            r"El texto tiene \1 caracteres; WhatsApp permite \2.",
        ),
    )
)

_BODY = "Corregir el mensaje; repetirlo no ayuda"
_LATER = "Se intenta de nuevo más tarde"
_PERSON = "Dejarlo a una persona; no repetirlo solo"
_REGISTER = "Registrar de nuevo el número en WhatsApp Manager; hasta entonces no sale nada"
_RIGHT = "Dar al token whatsapp_business_messaging"
_SLOW = "No enviar nada por unos minutos"
_TEMPLATE = "Corregir la plantilla o sus parámetros en WhatsApp Manager"
_TOKEN = "Poner un WHATSAPP_ACCESS_TOKEN nuevo"  # noqa: S105  the name of a setting

#: (what it means, what to do) by code, as in common.graph.error_codes.
META: Mapping[int, tuple[str, str]] = {
    0: ("el token de acceso no vale", _TOKEN),
    1: ("error desconocido o petición inválida", _LATER),
    2: ("servicio no disponible por ahora", _LATER),
    3: ("a la app le falta la capacidad", "Dar a la app whatsapp_business_messaging"),
    4: ("límite de llamadas de la app alcanzado", _SLOW),
    10: ("falta el permiso o fue retirado", _RIGHT),
    17: ("límite de llamadas del usuario de Graph alcanzado", _SLOW),
    33: ("el número del negocio no existe o fue borrado", "Revisar WHATSAPP_PHONE_ID"),
    100: ("un parámetro es erróneo o desconocido", _BODY),
    190: ("el token de acceso venció o fue revocado", _TOKEN),
    341: ("límite de la aplicación alcanzado", _SLOW),
    368: ("bloqueado un tiempo por faltar a las políticas", "Leer el aviso en WhatsApp Manager"),
    80007: ("límite de la cuenta de WhatsApp alcanzado", _SLOW),
    130403: ("hemos bloqueado a esta persona", "Desbloquearla primero"),
    130429: ("tope de envíos del número alcanzado", "Enviar más despacio desde este número"),
    130472: ("la persona está en un experimento de Meta", _PERSON),
    130497: ("la cuenta no puede escribir a este país", "Revisar las restricciones de la cuenta"),
    131000: ("algo falló del lado de Meta", _LATER),
    131005: ("acceso denegado", _RIGHT),
    131008: ("falta un parámetro obligatorio", _BODY),
    131009: ("el valor de un parámetro es erróneo", _BODY),
    131016: ("servicio no disponible", _LATER),
    131021: ("remitente y destinatario son el mismo número", _BODY),
    131026: ("sin WhatsApp, con una app vieja, o nos bloqueó", "Buscar a esta persona por otro medio"),
    131030: ("no está en la lista del número de prueba", "Agregar el número en el panel de la app"),
    131031: ("cuenta bloqueada", "Leer el aviso en WhatsApp Manager; revisar el PIN de dos pasos"),
    131037: ("el número no tiene un nombre visible aprobado", "Poner un nombre visible en WhatsApp Manager"),
    131042: ("sin un medio de pago válido", "Reparar el medio de pago en WhatsApp Manager"),
    131044: ("registro del número incompleto", _REGISTER),
    131045: ("el número no está registrado para enviar", _REGISTER),
    131047: ("más de 24 horas desde que escribió el cliente", "Enviar una plantilla o esperar a que escriba"),
    131048: ("envíos restringidos: demasiados reportes de spam", "Revisar la calificación de calidad"),
    131049: ("no se entregó, para cuidar la interacción", "Esperar un día antes de la próxima plantilla"),
    131050: ("el cliente no quiere mensajes de marketing", "No enviarle más marketing"),
    131051: ("tipo de mensaje no permitido", _BODY),
    131052: ("no se puede descargar el archivo del cliente", "Pedir que lo envíe de nuevo"),
    131053: ("no se pudo subir o leer el archivo", "Revisar tipo, tamaño y que su enlace sea público"),
    131056: ("demasiados mensajes a esta persona", _LATER),
    131057: ("número en mantenimiento o actualización", "Esperar un minuto; termina solo"),
    131062: ("aquí no sirve un id de usuario del negocio", "Enviarlo a un número de teléfono"),
    131063: ("los mensajes de marketing están apagados en esta cuenta", _BODY),
    131064: ("límite alcanzado por plantillas mal clasificadas", "Corregir la categoría de las plantillas"),
    132000: ("el número de parámetros de la plantilla no coincide", _TEMPLATE),
    132001: ("la plantilla no existe en este idioma", _TEMPLATE),
    132005: ("el texto de la plantilla queda muy largo", _TEMPLATE),
    132007: ("el contenido de la plantilla falta a las políticas", _TEMPLATE),
    132008: ("un parámetro de la plantilla tiene mal formato", _TEMPLATE),
    132012: ("los parámetros no encajan con la plantilla", _TEMPLATE),
    132015: ("plantilla en pausa por baja calidad", _TEMPLATE),
    132016: ("plantilla apagada por baja calidad", _TEMPLATE),
    132018: ("parámetros de plantilla inválidos", _TEMPLATE),
    132068: ("flow bloqueado", "Corregir el flow en WhatsApp Manager"),
    132069: ("flow limitado a 10 mensajes por hora", "Reparar el endpoint del flow"),
    133000: ("una baja anterior del número falló", _REGISTER),
    133004: ("servidor no disponible por ahora", _LATER),
    133005: ("PIN de dos pasos erróneo", _REGISTER),
    133006: ("primero hay que verificar el número", _REGISTER),
    133008: ("PIN de dos pasos erróneo demasiadas veces", _REGISTER),
    133009: ("PIN de dos pasos escrito muy rápido", _REGISTER),
    133010: ("número sin registrar", _REGISTER),
    133015: ("número recién borrado; su baja no ha terminado", _REGISTER),
    133016: ("demasiados registros del número", "Registrarlo de nuevo más tarde"),
    134011: ("términos de WhatsApp Payments sin aceptar", "Aceptarlos en WhatsApp Manager"),
    135000: ("un parámetro es erróneo (no se dice más)", _BODY),
    137000: ("cambió la clave de identidad de la persona", "Confirmar primero la identidad del cliente"),
}
