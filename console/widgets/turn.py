"""How a reply came to be, on one panel: what was asked, found and said, how sure, how long, and whether it arrived."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import tzinfo
from html import escape

from common.conversations.rows import Bubble, Source, TurnDetail
from common.rag.fitting import ENOUGH
from console.data import format as fmt
from console.data import turn as data
from console.text import kind as kind_name
from console.text import said, t, word
from console.widgets import status, transcript


def html(turn: TurnDetail, asked: Sequence[Bubble], sent: Sequence[Bubble], *, zone: tzinfo) -> str:
    """The whole panel. Everything in it that is not ours is escaped."""
    return (
        f'<section class="rv-turn" aria-label="{escape(t("turn.title"))}">{_top(turn)}'
        f'<div class="rv-turn-cols"><div>{_asked(turn, asked, zone)}{_said(sent, zone)}</div>'
        f"<div>{_time(turn, asked, sent)}{_found(turn.sources)}{_model(turn)}</div></div></section>"
    )


def message(bubble: Bubble, *, zone: tzinfo) -> str:
    """The panel of a job that sends one message."""
    title = escape(t("turn.message_title"))
    return (
        f'<section class="rv-turn"><header><h2 class="rv-h2">{title}</h2></header>'
        f"<div>{_outbound(bubble, zone)}</div></section>"
    )


def _top(turn: TurnDetail) -> str:
    reason = f'<span class="rv-soft">{escape(said(turn.reason))}</span>' if turn.reason else ""
    badge = status.outcome_badge(turn.outcome if turn.state == "done" or turn.outcome else "")
    return f'<header><h2 class="rv-h2">{escape(t("turn.title"))}</h2>{badge}{reason}</header>'


def _asked(turn: TurnDetail, asked: Sequence[Bubble], zone: tzinfo) -> str:
    lines = "".join(
        f'<div class="rv-row rv-from-in"><div class="rv-bubble">{_words(one)}'
        f'<div class="rv-foot"><time>{fmt.clock(one.at, zone)}</time></div></div></div>'
        for one in asked
    )
    texts = " ".join(one.text or "" for one in asked)
    prompt = ""
    if turn.prompt and " ".join(turn.prompt.split()) != " ".join(texts.split()):
        label = escape(t("turn.question"))
        prompt = f'<p class="rv-prompt"><span>{label}</span>{escape(turn.prompt)}</p>'
    return f'<h3>{escape(t("turn.asked"))}</h3><div class="rv-log">{lines}</div>{prompt}'


def _said(sent: Sequence[Bubble], zone: tzinfo) -> str:
    body = "".join(_outbound(one, zone) for one in sent)
    body = body or f'<p class="rv-soft">{escape(t("turn.nothing_said"))}</p>'
    return f'<h3>{escape(t("turn.said"))}</h3><div class="rv-log">{body}</div>'


def _outbound(bubble: Bubble, zone: tzinfo) -> str:
    lost = " rv-lost" if bubble.state in ("failed", "canceled") else ""
    problem = ""
    if bubble.state == "failed":
        why = escape(transcript.why_failed(bubble))
        problem = f'<p class="rv-problem">{status.icon("error")}<span>{why}</span></p>'
    elif bubble.state == "canceled":
        why = escape(t("transcript.canceled_why", why=said(bubble.why)) if bubble.why else t("tick.canceled"))
        problem = f'<p class="rv-problem rv-soft">{status.icon("block")}<span>{why}</span></p>'
    return (
        f'<div class="rv-row rv-from-bot"><div class="rv-bubble{lost}">{_words(bubble)}'
        f'<div class="rv-foot"><time>{fmt.clock(bubble.at, zone)}</time>'
        f"{status.tick(bubble.state, said(bubble.why))}</div></div>{problem}{_way(bubble, zone)}</div>"
    )


def _words(bubble: Bubble) -> str:
    media = ""
    if bubble.kind not in ("text", "unknown"):
        symbol = status.icon(transcript.media_icon(bubble.kind))
        media = f'<div class="rv-media">{symbol}<span>{escape(kind_name(bubble.kind))}</span></div>'
    text = f'<div class="rv-text" dir="auto">{transcript.rich(bubble.text)}</div>' if bubble.text else ""
    return media + text or f'<div class="rv-text rv-new">{escape(t("inbox.new"))}</div>'


def _way(bubble: Bubble, zone: tzinfo) -> str:
    """Accepted 14:03:09, sent +0.2 s, delivered +1.3 s, read +40 s."""
    parts = []
    for mark in data.way(bubble):
        name, look = word("turn.way", mark.name), status.TICKS[mark.name]
        told = f"{name} {fmt.exact(mark.at, zone)[11:] if mark.after is None else f'+{fmt.precise(mark.after)}'}"
        title = escape(fmt.exact(mark.at, zone))
        parts.append(f'<li class="rv-{look.tone}" title="{title}">{status.icon(look.icon)}{escape(told)}</li>')
    return f'<ol class="rv-way">{"".join(parts)}</ol>' if parts else ""


def _found(sources: Sequence[Source]) -> str:
    lines = "".join(_source(one) for one in sources)
    nothing = f'<p class="rv-soft">{escape(t("turn.nothing_found"))}</p>'
    found = f'<ol class="rv-sources">{lines}</ol>' if lines else nothing
    return f'<h3>{escape(t("turn.found"))}</h3>{found}'


def _source(source: Source) -> str:
    used = f"<em>{escape(t('turn.used'))}</em>" if source.cited else ""
    score = escape(t("turn.score", score=fmt.number(source.score, 2)))
    return (
        f'<li{" class=rv-used" if source.cited else ""}><b>{escape(source.title or source.id)}</b>{used}'
        f"<i>{score}</i>{_meter(source.confidence)}</li>"
    )


def _meter(confidence: float) -> str:
    """A bar with its number; what the bot would rather not answer from is grey."""
    unsure = confidence < ENOUGH
    title = f' title="{escape(t("turn.unsure"))}"' if unsure else ""
    width = round(100 * min(1.0, max(0.0, confidence)))
    return (
        f'<span class="rv-meter{" rv-unsure" if unsure else ""}"{title}><span><s style="width:{width}%"></s></span>'
        f"{fmt.percent(confidence)}</span>"
    )


def _model(turn: TurnDetail) -> str:
    if not turn.model:
        return ""
    lines = [(t("turn.model"), escape(" · ".join(dict.fromkeys(filter(None, (turn.provider, turn.model))))))]
    if turn.confidence is not None:
        lines.append((t("turn.confidence"), _meter(turn.confidence)))
    if turn.tokens_in is not None or turn.tokens_out is not None:
        read, written = fmt.number(turn.tokens_in or 0), fmt.number(turn.tokens_out or 0)
        lines.append((t("turn.tokens"), escape(t("turn.tokens_value", read=read, written=written))))
    if turn.latency_ms:
        lines.append((t("turn.model_time"), escape(fmt.precise(turn.latency_ms / 1000))))
    rows = "".join(f"<dt>{escape(name)}</dt><dd>{value}</dd>" for name, value in lines)
    return f'<dl class="rv-facts rv-model">{rows}</dl>'


def _time(turn: TurnDetail, asked: Sequence[Bubble], sent: Sequence[Bubble]) -> str:
    hops, steps = data.hops(turn, asked, sent), data.steps(turn, sent)
    if not hops and not steps:
        return ""
    whole = sum(hop.seconds for hop in hops) or 1.0
    bar = "".join(
        f'<span class="rv-hop-{hop.name}" style="flex-grow:{max(0.01, hop.seconds / whole):.3f}"></span>'
        for hop in hops
    )
    legend = "".join(
        f'<li class="rv-hop-{hop.name}">'
        f"{escape(word('turn.hop', hop.name))} {fmt.precise(hop.seconds)}</li>"
        for hop in hops
    )
    rows = "".join(
        f'<dt>{escape(word("turn.step", step.name))}</dt><dd><s style="width:{max(1, round(100 * step.share))}%"></s>'
        f"<span>{fmt.precise(step.ms / 1000)}</span></dd>"
        for step in steps
    )
    total = escape(t("turn.total", time=fmt.precise(whole)))
    way = ""
    if hops:
        way = f'<p class="rv-soft">{total}</p><div class="rv-hops">{bar}</div><ul class="rv-hops-key">{legend}</ul>'
    return f'<h3>{escape(t("turn.time"))}</h3>{way}<dl class="rv-steps">{rows}</dl>'
