"""config.md, Linux Process: oomScoreAdj."""

from __future__ import annotations

from pathlib import Path

import pytest
from helpers.bundle import Bundle
from helpers.runtime import Runtime


@pytest.mark.parametrize("value", [1, 500, 1000])
def test_value(runtime: Runtime, bundle: Bundle, value: int) -> None:
    bundle.process["oomScoreAdj"] = value
    assert runtime.sh(bundle, "cat /proc/self/oom_score_adj") == str(value)


def test_without_it_the_callers_is_kept(runtime: Runtime, bundle: Bundle) -> None:
    bundle.sh("cat /proc/self/oom_score_adj")

    def caller() -> None:
        Path("/proc/self/oom_score_adj").write_text("123")

    assert runtime.run(bundle, preexec=caller).stdout == "123\n"


def test_in_a_user_namespace(runtime: Runtime, bundle: Bundle) -> None:
    bundle.user_namespace()
    bundle.process["oomScoreAdj"] = 200
    assert runtime.sh(bundle, "cat /proc/self/oom_score_adj") == "200"


@pytest.mark.parametrize("value", [1001, -1001])
def test_what_the_kernel_does_not_take_is_refused(runtime: Runtime, bundle: Bundle, value: int) -> None:
    bundle.process["oomScoreAdj"] = value
    runtime.refuses(bundle)
