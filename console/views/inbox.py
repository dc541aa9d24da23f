"""Conversations: who waits, what was said, and a person's answer."""

from __future__ import annotations

from collections.abc import Callable

import streamlit as st

from common.conversations import reads
from common.conversations.rows import ConversationDetail, ConversationRow, Page
from console import actions, wiring
from console.auth import current
from console.data import format as fmt
from console.data import inbox as data
from console.text import language, t
from console.widgets import alarms, frame, live, notices, people, transcript, url

Action = Callable[[wiring.Services, str], actions.Outcome]
TEXT_MAX = 4096  # characters of one WhatsApp text
LOG_MAX = 2000  # bubbles a transcript keeps
on = wiring.services()
me = current.require()
zone = fmt.zone_of(st.context.timezone)


def show() -> str:
    """The filter, from the URL."""
    return url.get("show", tuple(data.SHOWS))


def rows_of(name: str) -> Page[ConversationRow]:
    """A page of conversations under a filter."""
    shown = st.session_state.get(f"inbox_rows_{name}", reads.PAGE)
    agent = me.name if name == "mine" else None
    return reads.list_conversations(on.db, on.tenant, index=data.SHOWS[name], limit=shown, agent=agent)


@live.live("inbox_list", 4)
def listing() -> None:
    """Filter and list; another filter or a click renews only this and the conversation."""
    counts = reads.counts(on.db, on.tenant)

    def label(name: str) -> str:
        counted = name in ("waiting", "unread") and counts[name]
        return f"{t(f'inbox.show.{name}')} {fmt.number(counts[name])}" if counted else t(f"inbox.show.{name}")

    name = url.buttons(
        t("inbox.show"), tuple(data.SHOWS), "show", key="inbox_show", named=label, changed=live.active
    )
    page = rows_of(name)
    with st.container(key="inbox_rows", height=560, border=False):
        if not page.rows:
            notices.empty(t(f"inbox.empty.{name}"), t(f"inbox.empty.{name}_next"))
            return
        st.html(people.listing(page.rows, now=on.clock.now(), show=name, chosen=st.query_params.get("chat", "")))
        if page.total > len(page.rows):
            st.button(
                t("inbox.more", shown=fmt.number(len(page.rows)), total=fmt.number(page.total)), key="inbox_more",
                type="tertiary", icon=":material/expand_more:", on_click=more, args=(f"inbox_rows_{name}", reads.PAGE),
            )  # fmt: skip


def more(key: str, first: int) -> None:
    """Callback: show one page more."""
    live.active()
    st.session_state[key] = st.session_state.get(key, first) + reads.PAGE


@live.live("inbox_chat", 2)
def chat() -> None:
    """The open conversation. A tick reads one number; only a new one makes it read and draw the rest."""
    cid = st.query_params.get("chat", "")
    if not cid:
        notices.empty(t("inbox.choose"), t("inbox.choose_next"), icon="forum")
        return
    detail, bubbles = view(cid)
    if detail is None:
        notices.empty(t("inbox.gone"), t("inbox.gone_next"), icon="history_toggle_off")
        return
    talk, panel = st.columns([5, 2], gap="medium")
    with talk:
        top(detail)
        with st.container(key="chat_log", height=480, border=True, autoscroll=True):
            if bubbles[0]:
                st.button(
                    t("inbox.earlier"), key="chat_earlier", type="tertiary", icon=":material/expand_less:",
                    on_click=more, args=(f"chat_shown_{cid}", reads.PAGE),
                )  # fmt: skip
            st.html(bubbles[1])
        compose(detail)
    with panel:
        st.html(f'<h2 class="rv-h2">{t("inbox.contact")}</h2>' + people.facts(detail, now=on.clock.now()))


def view(cid: str) -> tuple[ConversationDetail | None, tuple[bool, str]]:
    """The conversation and its transcript as (is there more, HTML), kept until its version changes."""
    shown = min(LOG_MAX, st.session_state.get(f"chat_shown_{cid}", reads.PAGE))
    now = on.clock.now()
    seen = reads.version(on.db, on.tenant, cid)
    stamp = (cid, seen, shown, language(), str(zone), fmt.day_name(0, now, zone), now // 86_400)
    kept = st.session_state.get("chat_view")
    if kept is None or kept[0] != stamp:
        detail = reads.conversation(on.db, on.tenant, cid)
        entries = reads.transcript(on.db, on.tenant, cid, newest=shown) if detail else []
        earlier, unread = bool(entries) and entries[0].position > 0, detail.row.unread if detail else 0
        kept = (stamp, detail, (earlier, transcript.html(entries, now=now, zone=zone, unread=unread)))
        st.session_state["chat_view"] = kept
        if detail and detail.row.unread and detail.row.owner == "human" and detail.row.agent == me.name:
            actions.mark_read(on, cid)
    return kept[1], kept[2]


def top(detail: ConversationDetail) -> None:
    """Who it is, and whose it is to change."""
    row = detail.row
    with st.container(key="chat_top", horizontal=True, vertical_alignment="center", horizontal_alignment="distribute"):
        st.html(people.head(row, show()), width="content")
        with st.container(horizontal=True, width="content", gap="xsmall"):
            if detail.opted_out and actions.may(me, "opt_in"):
                act("opt_in", "notifications_active", actions.opt_in, row.cid)
            if row.owner in ("human", "waiting") and actions.may(me, "hand_back"):
                act("hand_back", "undo", actions.hand_back, row.cid)
            if row.owner != "closed" and actions.may(me, "close"):
                act("close", "check", actions.close, row.cid)
            if row.owner != "human" and actions.may(me, "take_over"):
                act("take_over", "front_hand", actions.take_over, row.cid, primary=True)


def act(name: str, icon: str, action: Action, cid: str, *, primary: bool = False) -> None:
    """A button that does something to the open conversation."""

    def clicked() -> None:
        live.active()
        tell(action(on, cid))
        st.rerun(["inbox_list", "inbox_chat"])

    st.button(
        t(f"inbox.{name}"), key=f"chat_{name}", icon=f":material/{icon}:", on_click=clicked,
        type="primary" if primary else "secondary",
    )  # fmt: skip


def compose(detail: ConversationDetail) -> None:
    """The composer, or the reason why there is none."""
    row = detail.row
    allowed = data.composer(row, me=me.name, role=me.role, now=on.clock.now())

    def send() -> None:
        live.active()
        text = st.session_state.get("chat_text")
        tell(actions.reply(on, row.cid, text or ""))

    hint = t("inbox.reply", name=data.name_of(row)) if allowed.open else t(allowed.why, agent=row.agent)
    st.chat_input(hint, key="chat_text", disabled=not allowed.open, max_chars=TEXT_MAX, on_submit=send)


def tell(outcome: actions.Outcome) -> None:
    """The sentence after an action."""
    if outcome.sentence:
        (notices.done if outcome.ok else notices.refused)(outcome.sentence)


frame.heading(t("inbox.title"))
alarms.watch()
side, rest = st.columns([2, 5], gap="medium")
with side, st.container(key="inbox_side"):
    listing()
with rest, st.container(key="inbox_main"):
    chat()
