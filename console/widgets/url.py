"""The URL is the state of a page: filters live in its query, so that a link, Back and reload show the same.

Streamlit's own binding is not used: it matches labels (ours hold counts) and lets no link of ours set the same name.
What the query says comes from outside and is checked against the options.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import streamlit as st

Changed = Callable[[], object]


def get(name: str, options: Sequence[str]) -> str:
    """The value of `name` in the query if it is an option, else the first option."""
    wanted = st.query_params.get(name, "")
    return wanted if wanted in options else options[0]


def page() -> int:
    """The page number in the query, at least 1; callers clamp it to what exists."""
    wanted = st.query_params.get("page", "1")
    return max(1, int(wanted)) if wanted.isdecimal() and len(wanted) < 9 else 1


def buttons(
    label: str,
    options: Sequence[str],
    name: str,
    *,
    key: str,
    named: Callable[[str], str],
    changed: Changed | None = None,
    show_label: bool = False,
) -> str:
    """A row of choices for `name`; `named` gives an option its words."""
    st.session_state[key] = get(name, options)
    st.segmented_control(
        label, options, key=key, required=True, format_func=named, on_change=_store, wrap=True,
        args=(name, key, options[0], changed), label_visibility="visible" if show_label else "collapsed",
    )  # fmt: skip
    return get(name, options)


def drop_down(
    label: str, options: Sequence[str], name: str, *, key: str, changed: Changed | None = None, width: int = 200
) -> str:
    """A list of choices for `name`."""
    st.session_state[key] = get(name, options)
    st.selectbox(label, options, key=key, on_change=_store, args=(name, key, options[0], changed), width=width)
    return get(name, options)


def pages(count: int, current: int, *, key: str) -> None:
    """Numbers of pages; `current` is marked."""
    st.session_state[key] = current
    st.pagination(count, key=key, on_change=_store, args=("page", key, 1, None))


def _store(name: str, key: str, default: object, changed: Changed | None) -> None:
    value = st.session_state.get(key)
    if value is None or value == default:
        st.query_params.pop(name, None)
    else:
        st.query_params[name] = str(value)
    if changed is not None:
        changed()
