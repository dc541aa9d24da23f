"""A Chromium for tests that look at what a person sees."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager

from playwright.sync_api import Browser, expect, sync_playwright

_FLAGS = ("--no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking "
          "--disable-component-update --disable-sync").split()  # fmt: skip
_PATIENCE = 20_000  # ms that an expectation may take; the rest of the suite runs beside it


@contextmanager
def chromium() -> Iterator[Browser]:
    """The system's, or else Playwright's own; ended with the block."""
    expect.set_options(timeout=_PATIENCE)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=_FLAGS)
        yield browser
        browser.close()
