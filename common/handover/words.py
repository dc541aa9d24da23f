"""The words by which customers ask for a person, per language, and the phrases that only look like it.

All patterns are for folded text: lower case, no accents, no apostrophes, single spaces. To change what fires for one
shop use HANDOVER_WORDS; to change it for all, add a line here and a sentence to tests/unit/test_handover.py.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

Tier = Literal["person", "complaint", "help"]


@dataclass(frozen=True, slots=True)
class Word:
    """A word or phrase with its forms; `langs` lists the languages that share it, the likelier one first."""

    lemma: str
    tier: Tier
    langs: tuple[str, ...]
    pattern: str


def _table(lang: str, tier: Tier, *rows: tuple[str, str]) -> tuple[Word, ...]:
    return tuple(Word(lemma, tier, tuple(lang.split()), pattern) for lemma, pattern in rows)


WORDS: tuple[Word, ...] = (
    *_table("es pt", "person",
        ("humano", r"h?uman[oa]s?"),
        ("agente", r"a[gj]entes?"),
        ("representante", r"representantes?"),
        ("operador", r"operador(?:a|es|as)?"),
        ("supervisor", r"supervisor(?:a|es|as)?"),
        ("gerente", r"gerentes?"),
    ),
    *_table("es", "person",
        ("persona", r"personas?"),
        ("asesor", r"a[scz]e[sz]or(?:a|es|as)?"),
        ("encargado", r"encargad[oa]s?"),
        ("ejecutivo", r"ejecutiv[oa]s?"),
        ("contactar", r"contactar(?:me|te|se|nos|los?|las?|les?)?|contacte(?:n|nme|me|nos)"),
        ("hablar con alguien", (
            r"(?:habl|comunic|chate|convers|contact)\w{0,8} con (?:alguien|alguno de|uno de|una de|el equipo"
            r"|el duen[oa]"
            r"|la duen[oa]|los duenos)"
        )),
        ("alguien real", (
            r"alguien (?:real|de verdad|que (?:me|nos) (?:atienda|ayude|responda|llame|contacte|colabore))"
        )),
        ("servicio al cliente", r"(?:servicio|atencion) al cliente|atencion (?:humana|personal|personalizada)|soporte"),
        ("llamame", r"llame?nme|llameme|(?:me|nos) puede[ns]? llamar|que (?:me|nos) llamen"),
        ("no quiero un bot", (
            r"no quiero (?:hablar |chatear |seguir )?(?:con )?(?:un|una|el|la|este|esta)? ?(?:bot|robot|maquina)"
        )),
    ),
    *_table("es", "complaint",
        ("queja", r"quejas?|quejar(?:me|nos)?"),
        ("reclamo", r"reclamos?|reclamacion(?:es)?|reclamar"),
        ("pqrs", r"pqrs?[fd]?"),
        ("denuncia", r"denuncias?|denunciar(?:los)?"),
    ),
    *_table("es", "help",
        ("ayuda", r"a[yi]uda|alluda|auxilio|ayud[ae](?:n?me|dme|nos)(?=(?: por favor| porfa\w*)?\W*$)"),
    ),
    *_table("en", "person",
        ("human", r"humans?"),
        ("person", r"persons?|(?:real|actual) people"),
        ("agent", r"agents?"),
        ("representative", r"representatives?|reps?"),
        ("advisor", r"advis[eo]rs?"),
        ("operator", r"operators?"),
        ("manager", r"managers?"),
        ("talk to someone", (
            r"(?:talk|talking|speak|speaking|chat|chatting|connect me|transfer me|put me through) (?:to|with)"
            r" (?:someone|somebody|anyone|anybody|your team|the team|your staff|staff|the owner|support)"
        )),
        ("customer service", (
            r"customer (?:service|support|care)|live (?:chat|support)|support team|(?<!\S)support(?=\W*$)"
        )),
        ("contact", r"contact|contacting"),
        ("call me", r"call me"),
    ),
    *_table("en", "complaint", ("complaint", r"complaints?|complain|complaining")),
    *_table("en", "help", ("help", r"help")),
    *_table("pt", "person",
        ("pessoa", r"pessoas?"),
        ("atendente", r"atendentes?|atendimento humano|atendimento ao cliente"),
        ("consultor", r"consultor(?:a|es|as)?|assessor(?:a|es|as)?"),
        ("falar com alguem", r"fal\w{1,6} com (?:alguem|algum de|um de|a equipe|o dono|a dona)"),
        ("contatar", r"contatar|(?:entrar|entre|entrem) em contato"),
        ("suporte", r"suporte"),
        ("me liga", r"me ligue[m]?|pode[m]? me ligar"),
    ),
    *_table("pt", "complaint", ("reclamacao", r"reclamac(?:ao|oes)|reclamar"), ("queixa", r"queixas?")),
    *_table("pt", "help", ("ajuda", r"ajuda")),
)  # fmt: skip

_BOT = r"(?:bot|chatbot|robot|robo|maquina|machine|ia|ai|programa|asistente|assistant|assistente)"
_BEING = rf"(?:persona|ser humano|human[oa]?|human being|asesora?|agente|agent|person|pessoa|atendente|alguien|{_BOT})"
_ARTICLE = r"(?:una|un|uma|um|an|a|the|el|la|o)?"
_REAL = r"(?: (?:real|de verdad|de verdade|humana|humano|de carne y hueso))?"

#: Phrases that hold a word of the table and ask for nobody. They are cut out before the words are looked for.
LOOK_ALIKES: tuple[str, ...] = (
    # are you a bot, am I talking to a person?
    (
        r"(?:eres|sos|es usted|usted es|seras|estoy hablando con|hablo con|hablando con|me atiende|este es"
        r"|esto es|voce e|vc e"
        r"|tu es|estou falando com|to falando com|falo com|are you|are u|r u|am i (?:talking|speaking|chatting"
        r"|writing) (?:to|with)"
        rf"|is this|es|you are|youre) ?(?:realmente|really|actually|just|solo|acaso"
        rf"|de verdad)? ?{_ARTICLE} ?(?:real|live|actual|verdadera)?"
        rf" ?{_BEING}{_REAL}(?: (?:o|ou|or|u) (?:eres|es|solo|just|e)? ?{_ARTICLE} ?(?:real )?{_BEING}{_REAL})?\b"
    ),
    # people as users of a thing
    (
        r"para (?:(?:un|una|uma|la|las|otra|esa|cada|cualquier|qualquer|outra|que tipo de|todo tipo de|dos|tres"
        r"|\d+) )?(?:personas?|pessoas?)\b"
    ),
    (
        r"(?:por|cada|cuantas|quantas|dos|tres|cuatro|varias|\d+|mi|buena|tercera|primera|em|en) (?:personas?"
        r"|pessoas?)\b"
    ),
    r"(?<!con )(?:las|muchas|otras|algunas|as|muitas) (?:personas|pessoas)\b",
    r"(?:personas?|pessoas?) (?:mayor|adult|alergic|sensible|sensivel|diabetic|embarazad|joven|idos)\w*",
    (
        r"(?:personas?|pessoas?) (?:con|com|de) (?:la |el |a )?(?:piel|pele|alergia|acne|cabello|cabelo|pelo"
        r"|rosacea|edad|tercera|\d+)\w*"
    ),
    r"(?:in|per|each|every|first|third|another) person\b",
    (
        r"(?<!ask )(?<!asking )(?<!wait )(?<!waiting )(?<!looking )\bfor (?:(?:an?|one|two|\d+|the"
        r"|any) )?(?:\w+ )?persons? (?:with|who|of|over|under|that has)\b"
    ),
    # the body, and substances
    (
        r"(?:cabello|pelo|cabelo|cuerpo|corpo|consumo|uso|recursos|derechos|piel|pele|tejido|(?:en|em|para|for"
        r"|on) (?:los |el |os )?)"
        r" ?(?:ser(?:es)? )?h?uman[oa]s?\b(?! por favor)"
    ),
    r"human (?:hair|skin|body|consumption|use|resources|trials?|testing)\b|(?:for|on) humans\b",
    (
        r"a[gj]entes? (?:hidratante|limpiador|activ|ativ|quimic|espumante|conservante|natural|blanqueador"
        r"|exfoliante|suavizante"
        r"|emulsionante|extern|contaminante|acondicionador|irritante|branqueador|espessante)\w*"
    ),
    (
        r"(?:cleansing|active|moisturi[sz]ing|whitening|bleaching|foaming|chemical|conditioning|thickening|drying"
        r"|natural) agents?\b"
    ),
    # help: thanks for it, what a product does, and a choice that the bot can help with
    (
        r"(?:gracias|thanks|thank you|obrigad[oa]|agradezco|agradeco) (?:\w+ )?(?:por|for|pela|a|de) ?(?:la|tu|su"
        r"|toda|todo|your|the|all|sua|toda a|toda la)?"
        r" ?(?:tu |su |la |your |the )?(?:ayuda|help|ajuda)\b"
    ),
    (
        r"(?<!necesito )(?<!quiero )(?<!quisiera )(?<!requiero )(?<!solicito )(?<!gustaria )(?<!dame )(?<!alguna"
        r" )(?<!una )(?<!pido )(?<!busco )(?<!de )(?<!mas )(?<!algo )(?<!favor )(?<!hola )(?<!buenas )(?<!preciso"
        r" )"
        r"(?<!tardes )(?<!dias )(?<!noches )(?<=\w )(?:ayuda|ajuda) (?:mucho |realmente |tambien |muito )?"
        r"(?:a|al|contra|en|para|na|no|con (?:el|la|los|las)|com [oa]s?)\b"
    ),
    (
        r"(?:ayuda|ajuda|help me|help us|help) ?(?:a|para|to|con|with|com)? ?(?:me |nos )?"
        r"(?:elegir|escoger|decidir|encontrar|comparar|escolher|choose|pick|choosing|picking|decide|select"
        r"|choice)\b"
    ),
    (
        r"(?:does|do|will|would|did|can|could|might|should) (?:it|this|that|they|these|those|the \w+(?: \w+)?"
        r"|your \w+) (?:really |also |actually )?help\b"
    ),
    (
        r"(?:to|that|also|really|products?|creams?|soaps?|oils?) help (?:with|my|reduce|against|for|prevent"
        r"|remove|heal)\b"
    ),
    # contact of skin, of eyes
    (
        r"(?:eye|skin|direct|avoid) contact|contact (?:lens\w*|dermatitis|allerg\w*)|contact with (?:the "
        r"|your )?(?:eyes?|skin|water|mouth)"
    ),
    # no complaint
    (
        r"(?:sin|ninguna|ningun|cero|no tengo|nenhuma|sem|no es una?|nao tenho|no|without|any) (?:ninguna "
        r"|ningun |nenhuma )?"
        r"(?:quejas?|reclamos?|queixas?|complaints?|reclamac(?:ao|oes))\b"
    ),
    (
        r"(?:como|donde|cuando) (?:yo )?reclamo (?:mi|el|los|mis|un) (?:premio|regalo|bono|cupon|descuento|puntos"
        r"|pedido|obsequio)\b"
    ),
    # when are they there
    (
        r"(?:horarios?|horas?|dias) (?:de |del |para )?(?:la |el )?(?:servicio|atencion) al cliente"
        r"|customer (?:service|support|care) hours"
    ),
)

#: The last of these before a word, in its clause, says whether it is wanted. Group `no` is a refusal.
STANCE = (
    r"(?P<no>\b(?:(?:no|ya no|nunca|tampoco|jamas|nao|nem)(?: (?:me|te|se|lo|le|nos))?"
    r" (?:quiero|quisiera|deseo|necesito|requiero|busco|prefiero|gustaria|hace falta|es necesari[oa]|pases?|pasen"
    r"|comuniques?|comuniquen"
    r"|conectes?|conecten|transfieras?|transfieran|quero|preciso|gostaria|desejo|precisa|passe|passem|transfira)"
    r"|sin (?:hablar|tener que|necesidad|pasar|contactar|un|una|intervencion)|sem (?:falar|ter que|precisar)"
    r"|en vez de|em vez de"
    r"|(?:dont|do not|didnt|did not|no longer|not|never|wouldnt|would not)(?: really| actually)?"
    r" (?:want|need|wanna|wish|like|connect|transfer|ask|asking|looking)|no need|without|instead of"
    r"|no (?:me|nos)(?: vuelvan? a)?(?= contact))\b)"
    r"|\b(?:quiero|quisiera|deseo|necesito|requiero|busco|prefiero|gustaria|pido|solicito|exijo|dame|deme|denme"
    r"|pas[ae]\w{0,4}|comuni\w+"
    r"|conect\w+|transfi\w+|tengo|hay|puedo|podria|quero|preciso|gostaria|tenho|posso|passa|passe|want|need|wanna"
    r"|would like|connect"
    r"|transfer|get|give|let|can|could|may|please)\b"
)
CLAUSE_END = re.compile(r"[.,;:!?\n|]|\b(?:pero|sino|aunque|but|mas que|porem)\b")
