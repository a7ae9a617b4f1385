"""Options of a mount: how one string is taken apart."""

from __future__ import annotations

import pytest

from pyoci.plan import mounts
from pyoci.wire.plan import Namespaces

NO_NAMESPACES = Namespaces(new=[], joined=[], time_offsets=[])


@pytest.mark.parametrize(
    ("option", "parts"),
    [
        ("size=1m,mode=700", ["size=1m", "mode=700"]),
        (",ro,,", ["ro"]),
        ('context="a_u:b_r:c_t:s0:c1,c2"', ["context=a_u:b_r:c_t:s0:c1,c2"]),
        ('size=1m,context="a:b:c:s0:c1,c2",mode=700', ["size=1m", "context=a:b:c:s0:c1,c2", "mode=700"]),
        ("lowerdir=/a\\,b,upperdir=/c", ["lowerdir=/a\\,b", "upperdir=/c"]),
        (",", []),
    ],
)
def test_split(option: str, parts: list[str]) -> None:
    assert mounts.split(option) == parts


def test_flags_among_them_are_taken_for_flags() -> None:
    (entry,) = mounts.plan(
        [{"destination": "/x", "type": "tmpfs", "options": ["nosuid,size=1m", "noexec"]}], "/b", NO_NAMESPACES
    )
    (apart,) = mounts.plan(
        [{"destination": "/x", "type": "tmpfs", "options": ["nosuid", "size=1m", "noexec"]}], "/b", NO_NAMESPACES
    )
    assert entry == apart
