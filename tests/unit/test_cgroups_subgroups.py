"""crun's annotations for groups below the container's own: which paths they may name."""

from __future__ import annotations

import pytest

from pyoci.cgroups import DELEGATE, SUBGROUP, subgroups
from pyoci.errors import CgroupError

PATHS = {"": "", "container": "container", "/a//b/./c/": "a/b/c", "x" * 255: "x" * 255, "ä b": "ä b"}
BROKEN = ["..", "a/../b", "/..", "a\nb", "a\0b", "x" * 256, "ä" * 128]


@pytest.mark.parametrize(("text", "path"), PATHS.items(), ids=range(len(PATHS)))
def test_paths(text: str, path: str) -> None:
    assert subgroups.subgroup({SUBGROUP: text}) == path
    assert subgroups.delegated({DELEGATE: text}, unified=True) == path


@pytest.mark.parametrize("text", BROKEN, ids=range(len(BROKEN)))
def test_a_path_that_leads_elsewhere_or_cannot_be_is_refused_by_name(text: str) -> None:
    with pytest.raises(CgroupError, match=f"annotation {SUBGROUP}: "):
        subgroups.subgroup({SUBGROUP: text})
    with pytest.raises(CgroupError, match=f"annotation {DELEGATE}: ") as error:
        subgroups.delegated({DELEGATE: text}, unified=True)
    assert len(str(error.value)) < 400


def test_without_the_annotations_there_are_none() -> None:
    assert subgroups.subgroup({"x": "y"}) == subgroups.delegated({}, unified=False) == ""


def test_v1_delegates_nothing() -> None:
    with pytest.raises(CgroupError, match="needs cgroup v2"):
        subgroups.delegated({DELEGATE: "payload"}, unified=False)


def test_a_container_without_groups_has_none_to_hand_over() -> None:
    with pytest.raises(CgroupError, match="without a cgroup"):
        subgroups.hand_over({}, "payload", 1, None)
