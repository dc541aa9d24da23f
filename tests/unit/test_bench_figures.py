"""The arithmetic of results: medians, ratios, rates, and what the peer harness says."""

from __future__ import annotations

import pytest

from bench import places, side
from bench.figures import ceiling, medians, percentile, ratios, steady_rate
from bench.loader import text_body
from bench.results import compared, name_of, newest, write
from bench.stub import Book, marker, read_marker


def test_the_median_of_a_figure_is_taken_over_the_rounds_that_have_it():
    """A round that failed half-way neither breaks the others nor counts as zero."""
    assert medians([{"rate": 3.0, "p50": 1.0}, {"rate": 9.0}, {"rate": 4.0, "p50": 2.0}]) == {"rate": 4.0, "p50": 1.5}
    assert medians([]) == {}


def test_ratios_are_taken_inside_a_round():
    """Rounds are matched by number, not by place: one that is missing on either side leaves its ratio out."""
    ours = [{"round": 1, "cpu": 1.0}, {"round": 2, "cpu": 3.0}, {"round": 4, "cpu": 8.0}]
    theirs = [{"round": 2, "cpu": 2.0}, {"round": 1, "cpu": 4.0}, {"round": 3, "cpu": 1.0}]
    assert ratios(ours, theirs, "cpu") == [0.25, 1.5]


def test_nothing_is_divided_by_nothing():
    """A reference that measured 0, or not at all, gives no ratio."""
    assert ratios([{"round": 1, "dups": 1.0}], [{"round": 1, "dups": 0.0}], "dups") == []
    assert ratios([{"round": 1, "dups": 1.0}], [{"round": 1}], "dups") == []


@pytest.mark.parametrize(("share", "value"), [(0, 1), (0.5, 3), (0.99, 5), (1, 5)])
def test_a_percentile_is_one_of_the_values(share: float, value: float):
    """The nearest one, so that a p99 of few values is the worst of them and not a guess."""
    assert percentile([5, 3, 1, 2, 4], share) == value


def test_a_percentile_of_nothing_is_zero():
    """A phase in which nothing was answered still has a result."""
    assert percentile([], 0.99) == 0


def test_a_steady_rate_leaves_out_start_and_end():
    """A slow first message and a slow last one do not change it."""
    steady = list(range(0, 1_000_000, 1000))
    assert steady_rate(steady) == pytest.approx(1000)
    assert steady_rate([*steady[1:-1], -60_000_000, 90_000_000]) == pytest.approx(1000)
    assert steady_rate([1, 2, 3]) == 0


def test_two_workers_cannot_outgrow_the_cores():
    """Where Redis and the stub take a third of a message, two cores carry 1.33 workers; four carry two."""
    assert ceiling(2, 1.0, 0.5) == pytest.approx(4 / 3)
    assert ceiling(4, 1.0, 0.5) == 2.0


def test_rows_of_the_harness_become_groups_by_contestant():
    """Our entry with 400 at once joins ours under a group of its own; words are left out, flags become numbers."""
    rows = [
        {"contestant": "bullmq-express", "round": 1, "aof": False, "dl": {"rate": 200.0}},
        {"contestant": "relevo", "round": 1, "aof": False, "live": {"p50": 210, "backlog": False, "note": "x"}},
        {"contestant": "relevo-400", "round": 1, "aof": False, "dl": {"rate": 900.0}},
    ]
    found = side.grouped(rows)
    assert found["relevo"] == {
        "live": [{"round": 1.0, "p50": 210.0, "backlog": 0.0}], "dl400": [{"round": 1.0, "rate": 900.0}],
    }  # fmt: skip
    ratio = compared(found["relevo"], found["bullmq-express"])["dl400.rate"]
    assert ratio == {"rounds": [4.5], "median": 4.5}


def test_the_wide_entry_is_ours_with_more_at_once():
    """Only the number of jobs and the phases differ, so that its figures stand beside the other's."""
    entry = {"name": "relevo", "cwd": "..", "env": {"WORKER_CONCURRENCY": "50", "X": "y"}, "phases": "web d0 dl live"}
    wide = side.wide(entry)
    assert wide["env"] == {"WORKER_CONCURRENCY": "400", "X": "y"}
    assert wide["phases"] == "dl"
    assert entry["env"]["WORKER_CONCURRENCY"] == "50"


def test_a_quick_run_never_takes_the_place_of_a_full_one(tmp_path):
    """It has another name, and the report takes the newest full run even when a quick one is newer."""
    full = {"date": "2026-01-02T10:00:00+00:00", "commit": "abc1234", "settings": {"quick": False}}
    quick = {"date": "2026-01-02T12:00:00+00:00", "commit": "abc1234", "settings": {"quick": True}}
    assert name_of(full) == "2026-01-02-abc1234.json"
    path = write(full, tmp_path)
    write(quick, tmp_path)
    assert newest(tmp_path) == path
    path.unlink()
    assert newest(tmp_path).name == "2026-01-02-abc1234-quick.json"


def test_a_marker_survives_the_way_through_a_body():
    """What the load generator wrote is what the stub reads, even when the text is quoted twice: the last one counts."""
    body = text_body(70_000, 12, 123_456_789, "run")
    assert read_marker(body) == (70_000, 12, 123_456_789)
    assert read_marker(body + marker(5, 6, 7).encode()) == (5, 6, 7)
    assert read_marker(b"nothing") is None


def test_the_stub_tells_repeats_and_wrong_orders_apart():
    """A second reply to a message is a duplicate; a reply to an older message of a contact is out of order."""
    book = Book()
    for seq in (1, 3, 2, 3):
        book.sent(marker(seq, 9, 0).encode())
    book.sent(b"a read receipt")
    assert (len(book.seen), book.dups, book.violations, book.graph_other) == (3, 1, 1, 1)


def test_a_peer_folder_is_the_harness_or_what_it_installed(tmp_path, monkeypatch):
    """PEER_DIR may name either, and a folder without the harness means that there is none."""
    harness, installed = tmp_path / "harness", tmp_path / "installed"
    (installed / "node_modules").mkdir(parents=True)
    (installed / "bin").mkdir()
    (installed / "bin" / "stub").touch(mode=0o755)
    harness.mkdir()
    monkeypatch.delenv("PEER_HOME", raising=False)
    monkeypatch.setenv("PEER_DIR", str(harness))
    assert places.harness() is None
    (harness / "run.py").touch()
    assert places.harness() == harness
    monkeypatch.setenv("PEER_DIR", str(installed))
    assert places.program("stub") == installed / "bin" / "stub"
    assert places.program("loadgen") is None
    assert places.harness(str(harness)) == harness
