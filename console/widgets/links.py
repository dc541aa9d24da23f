"""Links inside our own HTML that change the page without loading it again.

`<a data-go href="/inbox?chat=...">` works as any link (new tab, copy address); `catch` makes a plain click on it
as fast as Streamlit's own navigation. The address comes from the browser and is checked like any input.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import streamlit as st

from console.widgets import live

_JS = """
export default function ({ setTriggerValue }) {
  const go = (event) => {
    const special = event.metaKey || event.ctrlKey || event.shiftKey || event.altKey;
    if (event.defaultPrevented || event.button || special) return;
    const link = event.target.closest && event.target.closest("a[data-go]");
    if (!link) return;
    event.preventDefault();
    setTriggerValue("go", link.getAttribute("href"));
  };
  document.addEventListener("click", go);
  return () => document.removeEventListener("click", go);
}
"""

#: Fragments that show what the query of a page names; a link to the same page renews only these.
PARTS: Mapping[str, tuple[str, ...]] = {"inbox": ("inbox_list", "inbox_chat")}


def target(href: str | None, pages: Mapping[str, str]) -> tuple[str, dict[str, str]] | None:
    """The page and query of a link, or None when it leads to no page of ours. `pages` maps path to file."""
    if not href or len(href) > 500:
        return None
    parts = urlsplit(href)
    name = parts.path.strip("/")
    if parts.scheme or parts.netloc or name not in pages:
        return None
    return name, dict(parse_qsl(parts.query, max_num_fields=8))


def catch(pages: Mapping[str, str], here: str) -> None:
    """Mount once per run. `here` is the path of the page being drawn.

    The listener is a fragment of its own: a callback outside of one that renews fragments by key makes the browser
    forget their timers (Streamlit 1.67).
    """
    component = st.components.v2.component("relevo_links", js=_JS)

    def clicked() -> None:
        state: Any = st.session_state.get("links")
        found = target(getattr(state, "go", None), pages)
        if found is None:
            return
        name, query = found
        live.active()
        if name == here and name in PARTS:
            st.query_params.from_dict(query)
            st.rerun(PARTS[name])
        st.session_state["links_next"] = (name, query)
        st.rerun()

    @st.fragment(key="links_part")
    def listener() -> None:
        component(key="links", on_go_change=clicked, height=1)

    listener()
    following = st.session_state.pop("links_next", None)
    if following is not None:
        name, query = following
        st.switch_page(pages[name], query_params=query)
