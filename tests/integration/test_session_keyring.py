"""The session keyring of a container."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest
from helpers.forked import forked

from pyoci.errors import SyscallError
from pyoci.kernel import keyring

OWNER_SEARCH, OTHERS_SEARCH = 0x00080000, 0x00000008


@pytest.fixture
def name() -> Iterator[str]:
    yield f"_ses.pyoci-test-{os.getpid()}"


def test_a_container_gets_a_session_keyring_of_its_own(name: str) -> None:
    before = keyring.session()

    def inside() -> tuple[int, int, str]:
        assert keyring.join_session(name)
        return keyring.session()

    owner, permissions, found = forked(inside)
    assert (owner, found) == (os.geteuid(), name) and found != before[2]
    assert permissions & OWNER_SEARCH and not permissions & OTHERS_SEARCH
    assert keyring.session() == before


def test_a_second_process_joins_the_same_one(name: str) -> None:
    def serial(line: str) -> str:
        return line.split(maxsplit=1)[0]

    def keys() -> list[str]:
        with open("/proc/keys") as lines:
            return [serial(line) for line in lines if name in line]

    def inside() -> tuple[list[str], list[str]]:
        keyring.join_session(name)
        return keys(), forked(joined_again)

    def joined_again() -> list[str]:
        keyring.join_session(f"{name}.other")
        keyring.join_session(name)
        return [number for number in keys() if number]

    mine, theirs = forked(inside)
    assert mine and mine[0] in theirs


def test_joining_it_twice_changes_nothing(name: str) -> None:
    def inside() -> bool:
        keyring.join_session(name)
        first = keyring.session()
        keyring.join_session(name)
        return keyring.session() == first

    assert forked(inside)


def test_others_may_search_it_for_a_user_namespace(name: str) -> None:
    def inside() -> int:
        keyring.join_session(name, others_may_search=True)
        return keyring.session()[1]

    assert forked(inside) & OTHERS_SEARCH


def test_a_process_of_another_user_joins_it_when_others_may_search(name: str) -> None:
    def inside() -> tuple[int, str]:
        keyring.join_session(name, others_may_search=True)

        def other() -> tuple[int, str]:
            os.setresuid(65534, 65534, 65534)
            keyring.join_session(name)
            owner, _, found = keyring.session()
            return owner, found

        result: tuple[int, str] = forked(other)
        return result

    owner, found = forked(inside)
    assert found == name and owner in (0, 65534)


def test_a_name_that_is_too_long_is_an_error() -> None:
    with pytest.raises(SyscallError, match="join session keyring"):
        forked(lambda: keyring.join_session("x" * 5000))
