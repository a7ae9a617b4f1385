"""Files of statistics as runc's `events` reports them."""

from __future__ import annotations

from pathlib import Path

from pyoci.cgroups import stats_v1, stats_v2


def test_block_io_without_the_total_and_without_zeros() -> None:
    text = "8:0 Read 4096\n8:0 Write 0\n253:1 Sync 7\nTotal 4103\n"
    assert stats_v1.blkio_entries(text) == [
        {"major": 8, "op": "Read", "value": 4096},
        {"major": 8, "op": "Write"},
        {"major": 253, "minor": 1, "op": "Sync", "value": 7},
    ]
    assert stats_v1.blkio_entries("8:16 99\n") == [{"major": 8, "minor": 16, "value": 99}]


def test_io_stat_of_v2_in_the_places_of_v1() -> None:
    text = "8:0 rbytes=10 wbytes=20 rios=1 wios=2 dbytes=0 dios=0 cost.usage=3\n8:16\n"
    found = stats_v2.io_entries(text)
    assert found["ioServiceBytesRecursive"][:2] == [
        {"major": 8, "op": "Read", "value": 10},
        {"major": 8, "op": "Write", "value": 20},
    ]
    assert [entry.get("value") for entry in found["ioServicedRecursive"]] == [1, 2, None]


def test_pressure() -> None:
    text = "some avg10=1.50 avg60=0.00 avg300=0.00 total=77\nfull avg10=0.00 avg60=0.00 avg300=0.00 total=0\n"
    assert stats_v2.parse_pressure(text)["some"] == {"avg10": 1.5, "avg60": 0.0, "avg300": 0.0, "total": 77}


def test_tables_with_negative_numbers_and_words() -> None:
    assert stats_v1.table("cache 5\noom -1\nunder oom x\nTotal: 3\n") == {"cache": 5, "oom": -1, "Total": 3}


MEMORY_EVENTS = {"low": 0, "high": 3, "max": 4, "oom": 2, "oom_kill": 1, "oom_group_kill": 0}


def test_memory_of_v2_has_its_events_and_its_pressure(tmp_path: Path) -> None:
    content = {
        "memory.current": "4096",
        "memory.max": "8192",
        "memory.swap.current": "100",
        "memory.swap.max": "max",
        "memory.events": "".join(f"{name} {count}\n" for name, count in MEMORY_EVENTS.items()),
        "memory.pressure": "some avg10=1.50 avg60=0.00 avg300=0.00 total=77\n",
    }
    for name, text in content.items():
        (tmp_path / name).write_text(text)
    memory = stats_v2.collect(str(tmp_path))["memory"]
    assert memory["events"] == MEMORY_EVENTS
    assert memory["psi"] == {"some": {"avg10": 1.5, "avg60": 0.0, "avg300": 0.0, "total": 77}}
    assert memory["usage"] == {"limit": 8192, "usage": 4096, "failcnt": 4}
    assert memory["swap"] == {"limit": 2**64 - 1, "usage": 4196, "failcnt": 0}


def test_without_a_memory_controller_there_are_no_events(tmp_path: Path) -> None:
    assert "events" not in stats_v2.collect(str(tmp_path))["memory"]
