"""`list`: what a person on a terminal sees."""

from __future__ import annotations

import calendar
import time

from hypothesis import given
from hypothesis import strategies as st

from pyoci.cli import list as list_command


@given(seconds=st.integers(0, 1 << 34), nanoseconds=st.integers(0, 999_999_999))
def test_the_moment_of_a_date(seconds: int, nanoseconds: int) -> None:
    created = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(seconds)) + f".{nanoseconds:09d}Z"
    assert list_command._moment({"created": created}) == seconds == calendar.timegm(time.gmtime(seconds))


def test_a_bundle_of_any_name_is_one_row() -> None:
    """Nor does its name move the cursor, or set a title."""
    row = {"id": "a", "pid": 0, "status": "stopped", "created": "2026-11-26T01:00:00Z", "owner": "root"}
    rows = list_command.table([{**row, "bundle": "/two\nlines\033]0;title\007\udcff"}]).splitlines()
    assert len(rows) == 2
    assert r"/two\nlines\x1b]0;title\x07\xff " in rows[1]


def test_the_age_takes_the_place_of_the_date() -> None:
    documents = [{"id": "a", "created": "2026-11-26T01:00:00.123456789Z"}]
    (row,) = list_command._with_ages(documents, list_command._moment(documents[0]) + 303)
    assert row["created"] == "5m3s ago"
