"""Charts. Colours belong to names, lines are thin, labels stand at the line instead of in a legend box."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, tzinfo
from typing import Any

import plotly.graph_objects as go

from common.queueing import queues

CONFIG = {"displayModeBar": False, "responsive": True}

_PALETTE = (
    "#0f8f83", "#3b6fd4", "#b7791f", "#8b5cc7", "#5b8c3a", "#c2557a", "#64748b", "#0891b2", "#a16207", "#7c6f64",
)  # fmt: skip
_COLOURS = dict(zip(queues.ALL, _PALETTE, strict=False))


def colour(queue: str) -> str:
    """The colour of a queue, always the same."""
    return _COLOURS.get(queue, "#64748b")


def depth(series: Mapping[str, Sequence[tuple[float, int]]], *, since: float, until: float, zone: tzinfo) -> Any:
    """Lines of queued jobs over time."""
    figure = go.Figure()
    top = max((value for points in series.values() for _, value in points), default=0)
    for queue, points in series.items():
        figure.add_scatter(
            x=[datetime.fromtimestamp(at, zone) for at, _ in points], y=[value for _, value in points], name=queue,
            mode="lines", line={"width": 1.5, "color": colour(queue)},
            hovertemplate=f"%{{y}} <b>{queue}</b><extra></extra>",
        )  # fmt: skip
    figure.update_layout(
        height=300, margin={"l": 8, "r": 8, "t": 26, "b": 8}, hovermode="x unified", uirevision="depth",
        showlegend=True, legend={"orientation": "h", "x": 0, "y": 1.14, "font": {"size": 12}},
        xaxis={"range": [datetime.fromtimestamp(since, zone), datetime.fromtimestamp(until, zone)], "showgrid": False,
               "tickformat": "%H:%M"},
        yaxis={"range": [0, max(4, top * 1.05)], "tickformat": "d", "nticks": 5, "fixedrange": True},
    )  # fmt: skip
    return figure
