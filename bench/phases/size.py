"""How much a phase does."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from bench.figures import Round

Figures = Mapping[str, Round]


@dataclass(frozen=True, slots=True)
class Size:
    """A full round, or a quick one: enough to see that all works, too short for figures to go by."""

    quick: bool = False

    def seconds(self, full: float) -> float:
        return full / 2 if self.quick else full

    def count(self, full: int) -> int:
        return full // 4 if self.quick else full


def alone(measure: Callable[[Size], Figures], argv: Sequence[str]) -> None:
    """A phase by itself: `python -m bench PHASE [--quick]`."""
    unknown = [arg for arg in argv if arg != "--quick"]
    if unknown:
        sys.exit(f"no such option: {unknown[0]}; there is --quick")
    show(measure(Size(quick="--quick" in argv)))


def show(found: Figures) -> None:
    for group, figures in found.items():
        line = "  ".join(f"{name} {value:,.3f}" if abs(value) < 100 else f"{name} {value:,.0f}"
                         for name, value in figures.items())  # fmt: skip
        print(f"{group:10} {line}", flush=True)
