"""What the release check says of a Redis."""

from __future__ import annotations

import pytest

from workers.release import judge

GOOD = {"redis_version": "7.0.15", "aof_enabled": 1}


def kinds(server=GOOD, policy="noeviction", allow=False) -> list[str]:
    return [kind for kind, _ in judge(server, policy, allow_eviction=allow)]


def test_a_redis_as_it_should_be_passes():
    """Version, policy, append-only file."""
    assert kinds() == ["ok", "ok", "ok"]


@pytest.mark.parametrize(("version", "kind"), [("6.0.16", "bad"), ("6.2.14", "ok"), ("10.1.0", "ok"), ("", "bad")])
def test_the_oldest_version_is_6_2(version, kind):
    """ZADD GT and SET GET came by then."""
    assert kinds({**GOOD, "redis_version": version})[0] == kind


def test_a_redis_that_evicts_is_refused_unless_told():
    """allkeys-lru, as often advised, throws jobs away."""
    assert kinds(policy="allkeys-lru")[1] == "bad"
    assert kinds(policy="allkeys-lru", allow=True)[1] == "warn"
    assert kinds(policy=None)[1] == "warn"


def test_no_append_only_file_is_a_warning():
    """A crash then loses what came since the last snapshot."""
    assert kinds({**GOOD, "aof_enabled": 0})[2] == "warn"
