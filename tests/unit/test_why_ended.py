"""Whom the kernel's log speaks of: the records of seccomp, by process and by the time at which it was killed."""

from __future__ import annotations

import pytest

from pyoci.host.why_ended import logged_call

# The stamp of the log (here 78 683.71 s since boot) has another clock than audit's (1 795 722 849.342 s since 1970).
RECORD = (
    "6,3391,78683710371,-;audit: type=1326 audit({at}:17671): auid=4294967295 uid=0 gid=0 ses=4294967295 pid={pid} "
    'comm="mkdir" exe="/bin/busybox" sig={signal} arch=c000003e syscall={call} compat=0 ip=0x47b567 code=0x80000000\n'
)


def record(at: str = "1795722849.342", pid: int = 9191, signal: int = 31, call: int = 83) -> bytes:
    return RECORD.format(at=at, pid=pid, signal=signal, call=call).encode()


KILLED = 1795722849.342


@pytest.mark.parametrize(
    ("records", "not_before", "number"),
    [
        pytest.param([record()], 0.0, 83, id="of any time"),
        pytest.param([record()], KILLED, 83, id="at that time"),
        pytest.param([record()], KILLED + 0.01, -1, id="of an earlier process with its number"),
        pytest.param([record(call=83), record(call=258)], 0.0, 258, id="the last one"),
        pytest.param([record(pid=919), record(pid=19191)], 0.0, -1, id="of another process"),
        pytest.param([record(signal=0)], 0.0, -1, id="logged only"),
        pytest.param([record(at="x")], KILLED, -1, id="without a time"),
        pytest.param([b"6,1,1,-;sh: pid=9191 \n", b""], 0.0, -1, id="other words"),
        pytest.param([], 0.0, -1, id="an empty log"),
    ],
)
def test_the_call_for_which_a_process_was_killed(records: list[bytes], not_before: float, number: int) -> None:
    assert logged_call(records, 9191, not_before) == number
