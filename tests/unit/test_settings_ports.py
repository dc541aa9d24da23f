"""Where the console listens."""

from __future__ import annotations

import pytest

from common.settings import Settings


@pytest.mark.parametrize(
    ("environment", "port"),
    [({}, 8501), ({"PORT": "5000"}, 5000), ({"PORT": "5000", "CONSOLE_PORT": "6000"}, 6000)],
)
def test_the_console_listens_where_it_is_told(
    monkeypatch: pytest.MonkeyPatch, environment: dict[str, str], port: int
) -> None:
    """CONSOLE_PORT, else the PORT that a host gives each process, else 8501."""
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    assert Settings().port_of_console() == port
