"""What `make up` decides before it starts anything."""

from __future__ import annotations

import os
import socket
import stat
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from common.dev import embedded_redis, environment, plan, ports
from common.dev.embedded_redis import Binary
from common.dev.environment import Ports
from common.dev.lock import Lock
from common.errors import SettingsError


def test_env_files_hold_names_and_values_and_nothing_is_expanded() -> None:
    """Comments, export and quotes are understood; `$` and backslashes are letters."""
    text = """
# a comment
A=1
export B = two words  # why
C="#not a comment $A \\n"   # but this is
D=
E='it''s'
F=x#y
"""
    assert {
        "A": "1", "B": "two words", "C": "#not a comment $A \\n", "D": "", "E": "it''s", "F": "x#y",
    } == environment.parse_env(text, ".env")  # fmt: skip


def test_a_line_that_is_no_setting_is_named() -> None:
    """The person sees file and line, not the value, which may be a secret."""
    with pytest.raises(SettingsError, match=r"^\.env line 2: expected NAME=value$"):
        environment.parse_env("A=1\nsecret stuff\n", ".env")


@given(
    st.dictionaries(
        st.from_regex(r"[A-Z][A-Z_0-9]{0,9}", fullmatch=True), st.from_regex(r"[0-9a-f]{1,64}", fullmatch=True)
    )
)
def test_what_we_write_we_read(values: dict[str, str]) -> None:
    """Generated secrets come back as they were."""
    assert values == environment.parse_env("".join(f"{n}={v}\n" for n, v in values.items()), "env")


def test_generated_secrets_are_kept_and_private(tmp_path: Path) -> None:
    """A second run has the same secrets, or it could not open what the first one sealed; only the owner reads them."""
    path = tmp_path / "relevo" / "env"

    first = environment.kept_secrets(path, {})
    second = environment.kept_secrets(path, {})

    assert first == second
    assert len(set(first.values())) == 6
    assert 0o600 == stat.S_IMODE(path.stat().st_mode)
    assert "CONSOLE_PASSWORD" not in environment.kept_secrets(path, {"CONSOLE_PASSWORD": "mine"})


def test_what_a_person_sets_wins_over_what_we_make_up() -> None:
    """The environment wins over kept secrets and defaults; ports are the ones that were checked."""
    env = environment.compose(
        {"BASE_URL": "https://shop.example", "LOG_LEVEL": "", "PORT": "9"},
        {"CONSOLE_PASSWORD": "kept"},
        redis_url="redis://127.0.0.1:6390/0",
        ports=Ports(web=4001),
    )

    assert ("https://shop.example", "kept", "4001") == (env["BASE_URL"], env["CONSOLE_PASSWORD"], env["PORT"])
    assert environment.SAMPLE_PHONE_ID == env["WHATSAPP_PHONE_ID"]
    assert "http://127.0.0.1:3002" == env["GRAPH_API_URL"]
    assert "LOG_LEVEL" not in env


def test_nothing_of_whatsapp_is_made_up_for_the_real_graph_api() -> None:
    """With Meta's URL the person's own number and tokens are needed; a missing one must be told, not invented."""
    kept = {"WHATSAPP_ACCESS_TOKEN": "x", "ENCRYPTION_KEY": "y"}

    env = environment.compose({"GRAPH_API_URL": "https://graph.facebook.com"}, kept, redis_url=None, ports=Ports())

    assert "y" == env["ENCRYPTION_KEY"]
    assert not [name for name in env if name.startswith("WHATSAPP_")]


@pytest.mark.parametrize("value", ["web", "0", "65536", "-1", "1.5"])
def test_a_port_that_is_none_is_named(value: str) -> None:
    """One line with the setting's name."""
    with pytest.raises(SettingsError, match="setting PORT"):
        environment.port_of({"PORT": value}, "PORT", 3001)


def test_a_busy_port_is_told_with_its_holder_and_what_to_do() -> None:
    """Which port, of which process, by whom, and the way out, in one line."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]

        line = ports.complaint({"web": port}) or ""

        assert f"port {port} (web) is in use by pid {os.getpid()} (" in line
        assert "--web-port N" in line
        assert "\n" not in line
        assert port < ports.next_free(port)
    assert ports.complaint({"web": port}) is None


def test_two_of_one_folder_cannot_run(tmp_path: Path) -> None:
    """The second is told who runs; the lock is free again when the first lets go."""
    first, second = Lock(tmp_path), Lock(tmp_path)

    assert first.take()
    assert not second.take()
    assert os.getpid() == second.holder()
    first.release()
    assert second.take()
    second.release()


def _server(path: Path, version: str) -> str:
    path.write_text(f"#!/bin/sh\necho 'Redis server v={version} sha=0:0'\n")
    path.chmod(0o755)
    return str(path)


def test_data_of_a_newer_redis_is_not_opened_by_an_older_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It would start empty without a word; instead one line says what to install."""
    data, programs = tmp_path / "data", tmp_path / "bin"
    programs.mkdir()
    monkeypatch.setenv("PATH", str(programs))
    embedded_redis.command(Binary("x", (99, 1)), data, 6390)
    _server(programs / "redis-server", "7.2.4")

    with pytest.raises(SettingsError, match=r"written by Redis 99\.1"):
        embedded_redis.find(data)

    _server(programs / "redis-server", "99.2.0")
    assert (99, 2) == embedded_redis.find(data).version


def test_a_server_that_is_too_old_gives_way_to_the_one_that_came_along(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A distribution's Redis 5 on PATH does not stop a first run."""
    monkeypatch.setenv("PATH", str(tmp_path))
    _server(tmp_path / "redis-server", "5.0.7")

    found = embedded_redis.find(tmp_path / "data")

    assert found.version >= embedded_redis.OLDEST
    assert str(tmp_path) not in found.path


def test_the_plan_runs_the_procfile(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """`make up` starts exactly the Procfile's processes, the simulator and Redis, on the ports that were asked for."""
    found = plan.make(tmp_path, web=ports.next_free(20001), console=ports.next_free(20101), simulator=20202)

    assert ["web", "worker", "scheduler", "console"] == [p.name for p in found.processes]
    assert "release" == found.release.name
    assert found.redis is not None
    assert "noeviction" in found.redis.argv
    assert found.simulator is not None
    assert "20202" in found.simulator.argv
    secrets = environment.kept_secrets(tmp_path / "env", {}).values()
    assert not any(secret in argument for secret in secrets for argument in found.simulator.argv)

    monkeypatch.setenv("GRAPH_API_URL", "https://graph.facebook.com")
    monkeypatch.setenv("REDIS_URL", "redis://db/0")
    other = plan.make(tmp_path, web=ports.next_free(20001), console=ports.next_free(20101), simulator=20202)

    assert (None, None) == (other.redis, other.simulator)
    assert "redis://db/0" == other.env["REDIS_URL"]


def test_a_worker_for_heavy_work_is_started_when_it_is_asked_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With FORKING_QUEUES set `make up` starts the forking worker, too; without it nothing pays for one."""
    monkeypatch.setenv("FORKING_QUEUES", "reports")
    found = plan.make(tmp_path, web=ports.next_free(20001), console=ports.next_free(20101), simulator=20202)

    forking = next(p for p in found.processes if p.name == "forking")
    assert ["-m", "workers", "--forking"] == list(forking.argv[1:])
    assert "reports" == found.env["FORKING_QUEUES"]
