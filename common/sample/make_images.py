"""Draws the product pictures of the sample shop: `python -m common.sample.make_images`.

Needs Pillow, which the shop itself does not: the pictures are kept beside this file.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from PIL import Image, ImageDraw, ImageFilter

SIZE = 600
SCALE = 3  # drawn larger and reduced: smooth edges
_SHADES = 64
FOLDER = Path(__file__).with_name("images")

Colour = tuple[int, int, int]
Draw = ImageDraw.ImageDraw


@dataclass(frozen=True, slots=True)
class Look:
    """Backdrop from `light` to `deep`; `body` and `cap` of the thing; `accent` of its leaf and label."""

    shape: str
    light: Colour
    deep: Colour
    body: Colour
    cap: Colour
    accent: Colour


# fmt: off
LOOKS = {
    "crema-calendula":
        Look("jar", (255, 246, 226), (246, 205, 137), (255, 252, 244), (222, 150, 62), (226, 133, 40)),
    "serum-vitamina-c":
        Look("dropper", (255, 243, 232), (247, 181, 128), (214, 120, 52), (60, 48, 42), (242, 142, 44)),
    "jabon-avena-miel":
        Look("bar", (250, 243, 229), (223, 192, 146), (233, 205, 155), (214, 178, 120), (160, 112, 56)),
    "champu-romero":
        Look("bar", (238, 245, 236), (157, 190, 160), (178, 203, 168), (150, 181, 144), (74, 112, 82)),
    "acondicionador-coco":
        Look("bar", (246, 247, 245), (196, 209, 214), (250, 248, 240), (226, 222, 210), (122, 96, 74)),
    "balsamo-cacao":
        Look("tube", (247, 238, 231), (196, 156, 128), (112, 72, 50), (74, 46, 32), (236, 202, 160)),
    "aceite-rosa-mosqueta":
        Look("dropper", (252, 238, 238), (226, 152, 152), (158, 62, 58), (58, 42, 42), (202, 72, 72)),
    "mascarilla-arcilla":
        Look("jar", (240, 245, 238), (160, 184, 158), (172, 190, 164), (92, 118, 98), (78, 106, 84)),
    "desodorante-salvia":
        Look("tube", (241, 245, 242), (172, 194, 182), (236, 240, 234), (138, 164, 148), (104, 136, 116)),
    "protector-solar":
        Look("squeeze", (255, 249, 230), (250, 214, 120), (252, 214, 116), (236, 158, 44), (238, 160, 40)),
    "tonico-rosas":
        Look("bottle", (254, 242, 244), (238, 178, 192), (248, 214, 222), (182, 110, 126), (206, 104, 130)),
    "exfoliante-cafe":
        Look("jar", (245, 238, 231), (186, 152, 124), (98, 66, 46), (48, 34, 26), (214, 176, 132)),
}
# fmt: on


def picture(look: Look) -> Image.Image:
    """The picture of one product, 600 by 600."""
    side = SIZE * SCALE
    image = _backdrop(look, side)
    shadow = Image.new("L", (side, side), 0)
    ImageDraw.Draw(shadow).ellipse(_box(150, 455, 450, 505), fill=110)
    image.paste((70, 55, 45), (0, 0), shadow.filter(ImageFilter.GaussianBlur(14 * SCALE)))
    draw = ImageDraw.Draw(image, "RGBA")
    _leaf(draw, look, 128, 470, -1)
    _leaf(draw, look, 476, 476, 1)
    _SHAPES[look.shape](draw, look)
    return image.resize((SIZE, SIZE), Image.Resampling.LANCZOS)


def main() -> None:
    """Write all pictures, as PNGs of 160 colours."""
    FOLDER.mkdir(exist_ok=True)
    for name, look in LOOKS.items():
        reduced = picture(look).quantize(160, method=Image.Quantize.MEDIANCUT, dither=Image.Dither.NONE)
        reduced.save(FOLDER / f"{name}.png", optimize=True)


def _backdrop(look: Look, side: int) -> Image.Image:
    column = Image.new("RGB", (1, _SHADES))
    for y in range(_SHADES):
        column.putpixel((0, y), _mixed(look.light, look.deep, (y / (_SHADES - 1)) ** 1.4))
    image = column.resize((side, side), Image.Resampling.NEAREST)
    ImageDraw.Draw(image).ellipse(_box(90, 70, 510, 490), fill=_mixed(look.light, (255, 255, 255), 0.55))
    return image


def _jar(draw: Draw, look: Look) -> None:
    _block(draw, (150, 260, 450, 485), 34, look.body)
    _block(draw, (140, 190, 460, 272), 22, look.cap)
    _shine(draw, (172, 290, 196, 455))
    _label(draw, look, 300, 380, 74)


def _dropper(draw: Draw, look: Look) -> None:
    _block(draw, (276, 84, 324, 176), 22, look.cap)
    _block(draw, (256, 160, 344, 218), 12, _mixed(look.cap, (255, 255, 255), 0.25))
    _block(draw, (266, 210, 334, 250), 8, look.body)
    _block(draw, (206, 236, 394, 485), 42, look.body)
    _shine(draw, (226, 272, 246, 446))
    _label(draw, look, 300, 372, 62)


def _bottle(draw: Draw, look: Look) -> None:
    _block(draw, (262, 96, 338, 184), 14, look.cap)
    _block(draw, (280, 178, 320, 214), 4, _mixed(look.cap, (0, 0, 0), 0.15))
    _block(draw, (216, 206, 384, 485), 40, look.body)
    _shine(draw, (236, 240, 256, 450))
    _label(draw, look, 300, 356, 60)


def _tube(draw: Draw, look: Look) -> None:
    _block(draw, (244, 110, 356, 262), 22, look.cap)
    _block(draw, (236, 250, 364, 485), 16, look.body)
    _shine(draw, (252, 272, 268, 462))
    _label(draw, look, 300, 366, 46)


def _squeeze(draw: Draw, look: Look) -> None:
    points = [(206, 120), (394, 120), (372, 430), (228, 430)]
    draw.polygon([(x * SCALE, y * SCALE) for x, y in points], fill=look.body)
    _block(draw, (200, 104, 400, 136), 8, _mixed(look.body, look.deep, 0.35))
    _block(draw, (240, 424, 360, 485), 14, look.cap)
    _label(draw, look, 300, 276, 62)


def _bar(draw: Draw, look: Look) -> None:
    draw.rounded_rectangle(_box(122, 262, 478, 487), 60 * SCALE, fill=_mixed(look.cap, (60, 40, 30), 0.14))
    draw.rounded_rectangle(_box(122, 230, 478, 450), 64 * SCALE, fill=look.body)
    draw.rounded_rectangle(_box(158, 258, 442, 422), 46 * SCALE, fill=_mixed(look.body, look.cap, 0.45))
    for x, y, r in ((196, 244, 5), (404, 246, 4), (458, 330, 5), (140, 362, 4), (334, 437, 4), (250, 240, 3)):
        draw.ellipse(_box(x - r, y - r, x + r, y + r), fill=_mixed(look.cap, (0, 0, 0), 0.18))
    _label(draw, look, 300, 340, 58)


def _label(draw: Draw, look: Look, x: int, y: int, r: int) -> None:
    """A round label with a flower of five petals."""
    draw.ellipse(_box(x - r, y - r, x + r, y + r), fill=(255, 255, 255, 225))
    petal = r * 0.34
    for dx, dy in ((0.0, -1.0), (0.95, -0.31), (0.59, 0.81), (-0.59, 0.81), (-0.95, -0.31)):
        cx, cy = x + dx * r * 0.42, y + dy * r * 0.42
        draw.ellipse(_box(cx - petal, cy - petal, cx + petal, cy + petal), fill=(*look.accent, 215))
    core = r * 0.2
    draw.ellipse(_box(x - core, y - core, x + core, y + core), fill=_mixed(look.light, (255, 255, 255), 0.3))


def _leaf(draw: Draw, look: Look, x: int, y: int, side: int) -> None:
    green = _mixed((92, 132, 96), look.deep, 0.25)
    for lift, reach, shade in ((0, 76, 0.0), (34, 64, 0.12), (66, 46, 0.24)):
        left, right = sorted((x, x + side * reach))
        draw.chord(_box(left, y - lift - 40, right, y - lift), 0, 360, fill=_mixed(green, (255, 255, 255), shade))


def _block(draw: Draw, box: tuple[int, int, int, int], radius: int, colour: Colour) -> None:
    x0, y0, x1, y1 = box
    edge = (x1 - x0) // 12  # a darker side gives it depth
    draw.rounded_rectangle(_box(*box), radius * SCALE, fill=_mixed(colour, (60, 40, 30), 0.16))
    draw.rounded_rectangle(_box(x0, y0, x1 - edge, y1), radius * SCALE, fill=colour)


def _shine(draw: Draw, box: tuple[int, int, int, int]) -> None:
    draw.rounded_rectangle(_box(*box), 10 * SCALE, fill=(255, 255, 255, 110))


def _box(x0: float, y0: float, x1: float, y1: float) -> tuple[float, float, float, float]:
    return x0 * SCALE, y0 * SCALE, x1 * SCALE, y1 * SCALE


def _mixed(one: Colour, other: Colour, share: float) -> Colour:
    red, green, blue = (round(a + (b - a) * share) for a, b in zip(one, other, strict=True))
    return red, green, blue


_SHAPES: dict[str, Callable[[Draw, Look], None]] = {
    "jar": _jar, "dropper": _dropper, "bottle": _bottle, "tube": _tube, "squeeze": _squeeze, "bar": _bar,
}  # fmt: skip

if __name__ == "__main__":
    main()
