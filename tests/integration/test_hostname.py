"""config.md, Hostname and Domainname."""

from __future__ import annotations

import os

import pytest
from helpers.bundle import Bundle
from helpers.runtime import Runtime


def test_hostname_is_seen_inside(runtime: Runtime, bundle: Bundle) -> None:
    bundle.config["hostname"] = "mrsdalloway"
    assert runtime.sh(bundle, "hostname") == "mrsdalloway"


def test_hostname_of_the_machine_stays(runtime: Runtime, bundle: Bundle) -> None:
    before = os.uname().nodename
    bundle.config["hostname"] = "mrsdalloway"
    runtime.sh(bundle, "true")
    assert os.uname().nodename == before


def test_without_hostname_it_is_that_of_the_machine(runtime: Runtime, bundle: Bundle) -> None:
    assert runtime.sh(bundle, "hostname") == os.uname().nodename


def test_hostname_without_a_uts_namespace_is_refused(runtime: Runtime, bundle: Bundle) -> None:
    bundle.config["hostname"] = "mrsdalloway"
    bundle.no_namespace("uts")
    assert "hostname" in runtime.refuses(bundle).lower()


def test_hostname_longer_than_the_kernel_allows_is_refused(runtime: Runtime, bundle: Bundle) -> None:
    bundle.config["hostname"] = "h" * 65
    runtime.refuses(bundle)


@pytest.mark.beyond_runc("domainname is of spec 1.1, runc applies it since 1.2")
def test_domainname_is_seen_inside(runtime: Runtime, bundle: Bundle) -> None:
    bundle.config["domainname"] = "foobarbaz.test"
    assert runtime.sh(bundle, "cat /proc/sys/kernel/domainname") == "foobarbaz.test"


@pytest.mark.beyond_runc("domainname is of spec 1.1, runc applies it since 1.2")
def test_domainname_without_a_uts_namespace_is_refused(runtime: Runtime, bundle: Bundle) -> None:
    bundle.config["domainname"] = "foobarbaz.test"
    bundle.no_namespace("uts")
    assert "domainname" in runtime.refuses(bundle).lower()
