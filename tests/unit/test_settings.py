"""Settings: typed, from the environment only, and clear when they are wrong."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from common import settings
from common.settings import Settings


def test_nothing_needs_to_be_set_to_load() -> None:
    """Every setting has a default or may be absent; what a process needs, it requires by name."""
    found = settings.load()

    assert ("builtin",) == found.ai_provider
    assert found.whatsapp_access_token is None


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("PORT", "web"),
        ("PORT", "70000"),
        ("LOG_LEVEL", "LOUD"),
        ("LOG_FORMAT", "xml"),
        ("AI_PROVIDER", "builtin,oracle"),
        ("GRAPH_API_VERSION", "25"),
        ("WORKER_CONCURRENCY", "0"),
        ("QUIET_SECONDS", "-1"),
        ("DEFAULT_LANGUAGE", "fr"),
        ("DEFAULT_COUNTRY", "Colombia"),
        ("TRANSCRIPT_DAYS", "7"),
    ],
)
def test_a_wrong_value_stops_with_one_line_that_names_it(
    name: str, value: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The person sees the setting's name as they wrote it, and what is allowed; the value may be a secret."""
    monkeypatch.setenv(name, value)

    with pytest.raises(SystemExit) as stopped:
        settings.load()

    assert 2 == stopped.value.code
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith(f"relevo: setting {name}: ")


def test_a_missing_setting_is_named(capsys: pytest.CaptureFixture[str]) -> None:
    """A process says which setting it cannot do without."""
    with pytest.raises(SystemExit):
        settings.load().require("whatsapp_access_token")

    assert "relevo: setting WHATSAPP_ACCESS_TOKEN: is required" in capsys.readouterr().err


def test_empty_means_not_set(monkeypatch: pytest.MonkeyPatch) -> None:
    """An empty line in an env file is no value."""
    monkeypatch.setenv("PORT", "")
    monkeypatch.setenv("OPENAI_API_KEY", "")

    assert 3001 == settings.load().port
    assert settings.load().openai_api_key is None


def test_lists_are_split_at_commas(monkeypatch: pytest.MonkeyPatch) -> None:
    """Several numbers, secrets while rotating, providers in order; blanks around them do not matter."""
    monkeypatch.setenv("WHATSAPP_PHONE_ID", "1, 2,,3 ")
    monkeypatch.setenv("WHATSAPP_APP_SECRET", "new,old")
    monkeypatch.setenv("AI_PROVIDER", "openai , builtin")

    found = settings.load()

    assert ("1", "2", "3") == found.whatsapp_phone_id
    assert ["new", "old"] == [secret.get_secret_value() for secret in found.whatsapp_app_secret]
    assert ("openai", "builtin") == found.ai_provider


def test_secrets_do_not_show_when_settings_are_printed(monkeypatch: pytest.MonkeyPatch) -> None:
    """A log line or a traceback with the settings in it gives nothing away."""
    monkeypatch.setenv("WHATSAPP_ACCESS_TOKEN", "tok-1")
    monkeypatch.setenv("WHATSAPP_APP_SECRET", "sec-1,sec-2")
    monkeypatch.setenv("ENCRYPTION_KEY", "enc-1")

    shown = repr(settings.load()) + str(settings.load())

    assert not [secret for secret in ("tok-1", "sec-1", "sec-2", "enc-1") if secret in shown]


def test_settings_do_not_change_while_a_process_runs() -> None:
    """They are read once and handed on."""
    with pytest.raises(ValidationError):
        Settings().port = 1  # type: ignore[misc]


def test_what_rests_is_sealed_even_without_a_key_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    """ENCRYPTION_KEY, else the app secrets; with neither there is nothing to seal with, and processes refuse."""
    assert [] == settings.load().seal_secrets()
    monkeypatch.setenv("WHATSAPP_APP_SECRET", "a,b")
    assert ["a", "b"] == settings.load().seal_secrets()
    monkeypatch.setenv("ENCRYPTION_KEY", "k")
    assert ["k"] == settings.load().seal_secrets()
