"""Every text colour against every ground it stands on, in light and dark: at least 4.5:1 (WCAG AA)."""

from __future__ import annotations

import re
import tomllib
from functools import reduce

import pytest

from tests.conftest import ROOT

THEME = tomllib.loads((ROOT / "console/theme/theme.toml").read_text(encoding="utf-8"))["theme"]
STYLE = (ROOT / "console/theme/style.css").read_text(encoding="utf-8")
CARD = (ROOT / "console/auth/card.html").read_text(encoding="utf-8")
OURS = re.findall(r"--rv-(\w+): light-dark\((#\w{6}), (#\w{6})\)", STYLE.partition("}")[0])
MODES = ("light", "dark")
Colour = tuple[float, float, float]


def rgb(code: str) -> Colour:
    return tuple(int(code[i : i + 2], 16) / 255 for i in (1, 3, 5))  # type: ignore[return-value]


def mixed(over: Colour, ground: Colour, share: float) -> Colour:
    return tuple(a * share + b * (1 - share) for a, b in zip(over, ground, strict=True))  # type: ignore[return-value]


def luminance(colour: Colour) -> float:
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in colour]
    return sum(weight * c for weight, c in zip((0.2126, 0.7152, 0.0722), linear, strict=True))


def contrast(one: Colour, other: Colour) -> float:
    light, dark = sorted((luminance(one), luminance(other)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


def ours(name: str, mode: str) -> Colour:
    return next(rgb(codes[MODES.index(mode)]) for found, *codes in OURS if found == name)


def grounds(mode: str) -> dict[str, Colour]:
    """What text stands on: page, sidebar, fields, and bubbles tinted with the accent."""
    theme = THEME[mode]
    page = rgb(theme["backgroundColor"])
    return {
        "page": page,
        "sidebar": rgb(theme["sidebar"]["backgroundColor"]),
        "field": rgb(theme["secondaryBackgroundColor"]),
        "fill": ours("fill", mode),
        "bot bubble": mixed(ours("accent", mode), page, 0.14),
    }


@pytest.mark.parametrize("mode", MODES)
def test_grey_text_can_be_read_everywhere(mode: str) -> None:
    """Notes, times, captions: the soft colour, Streamlit's grey and the ink."""
    for ground, colour in grounds(mode).items():
        for name, text in {
            "soft": ours("soft", mode), "grayTextColor": rgb(THEME[mode]["grayTextColor"]),
            "textColor": rgb(THEME[mode]["textColor"]),
        }.items():  # fmt: skip
            assert contrast(text, colour) >= 4.5, f"{name} on {ground}, {mode}: {contrast(text, colour):.2f}"


@pytest.mark.parametrize("mode", MODES)
def test_badges_and_banners_can_be_read(mode: str) -> None:
    """Coloured words on their own colour, thinned as the style sheet does it."""
    for tone in ("gray", "blue", "green", "orange", "red", "violet", "accent"):
        text = ours(tone, mode)
        for share in (0.0, 0.08, 0.12):
            ground = mixed(text, rgb(THEME[mode]["backgroundColor"]), share)
            assert contrast(text, ground) >= 4.5, f"{tone} on {share} of itself, {mode}: {contrast(text, ground):.2f}"


def test_a_person_s_bubble_can_be_read() -> None:
    """White on green, and the small print on it."""
    bubble = r"rv-from-human \.rv-bubble {[^}]*light-dark\((#\w{6}), (#\w{6})\)[^}]*--rv-soft: (#\w{6})"
    found = re.search(bubble, STYLE)
    assert found
    light, dark, soft = (rgb(code) for code in found.groups())

    assert min(contrast(text, ground) for text in (soft, rgb("#ffffff")) for ground in (light, dark)) >= 4.5


@pytest.mark.parametrize("scheme", [0, 1])
def test_the_login_card_can_be_read(scheme: int) -> None:
    block = re.findall(r"--ink: (#\w{6}); --soft: (#\w{6});.*?--card: (#\w{3,6})", CARD, re.DOTALL)[scheme]
    ink, soft, card = (rgb(reduce(lambda all_, c: all_ + c * 2, code[1:], "#") if len(code) == 4 else code)
                       for code in block)  # fmt: skip

    assert contrast(ink, card) >= 4.5
    assert contrast(soft, card) >= 4.5
