"""The bot offered a person and the customer says yes: that is a request for one."""

from __future__ import annotations

import re

from common.handover.detect import fold

#: How our own texts (es, en, pt) offer a person, folded.
_OFFER = re.compile(r"pas[eo] con una persona|get a person|cham[eo] uma pessoa")
_YES = re.compile(
    r"(?:si|sip|yes|yep|yeah|sim|claro|dale|listo|ok|okay|okey|bueno|vale|de acuerdo|perfecto|please|por favor|porfa|"
    r"sure|"
    r"quiero|quero|isso|pode ser|con gusto|gracias|thanks|obrigad[oa]|te pido|me pasas|pasame|that would be great|"
    r"si quiero|si por favor|[ ,.!])+"
)
_LONGEST_YES = 40
_END = 200  # characters of what was said in which an offer stands


def accepts_offer(said_last: str, answer: str) -> bool:
    """Whether `answer` is a plain yes to the offer of a person at the end of what the bot `said_last`."""
    if not _OFFER.search(fold(said_last[-_END:])):
        return False
    folded = fold(answer)
    return len(folded) <= _LONGEST_YES and bool(_YES.fullmatch(folded))
