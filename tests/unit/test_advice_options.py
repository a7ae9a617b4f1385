"""What an error about an option of a mount leads on to."""

from __future__ import annotations

import json

import pytest

from pyoci.errors import ContainerError
from pyoci.host import advice


@pytest.mark.parametrize(
    "option, words",
    [
        ("usrquota", '; this kernel has no option "usrquota" of tmpfs'),
        ("usrquotas", '; neither pyoci nor the file system has an option "usrquotas"; did you mean usrquota?'),
        ("zzzzzzzzz", '; neither pyoci nor the file system has an option "zzzzzzzzz"'),
    ],
)
def test_a_hint_is_never_the_word_itself(option: str, words: str) -> None:
    mount = {"destination": "/mnt", "type": "tmpfs", "source": "tmpfs", "options": [option]}
    config = {"root": {"path": "rootfs"}, "mounts": [mount], "linux": {}}
    refusal = f"mount src=tmpfs dst=/mnt type=tmpfs: mount type=tmpfs (tmpfs: Unknown parameter '{option}')"
    error = ContainerError(refusal).at("/mounts/0")
    advice.of_create(error, json.dumps(config).encode(), "/bundle", "/bundle/rootfs")
    assert str(error) == refusal + words
