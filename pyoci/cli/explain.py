"""Show what a bundle will do, without doing it and without root: its plan, in the order in which it is carried out,
and anything unsafe or surprising in it. BUNDLE is the current directory if absent.

Limits are shown as the files of the cgroup layout of this host. Exit status: 0, 1 for a bundle that cannot be read or
breaks the specification, 2 with --fail-on when something of that level is found."""

from __future__ import annotations

import os

from pyoci import cgroups, jsontext
from pyoci.cli import options, output
from pyoci.cli.options import Call, Option
from pyoci.errors import CgroupError, ConfigError
from pyoci.explain import findings, model, steps, words
from pyoci.explain.model import LEVELS, Explanation
from pyoci.kernel.uapi import CAPABILITIES
from pyoci.plan.build import build
from pyoci.plan.facts import Facts
from pyoci.plan.request import Request
from pyoci.spec import bundle, rules

USAGE = "[options] [BUNDLE]"
OPTIONS = (
    Option(name="json", help="print a document, described by schemas/explain.json"),
    Option(
        name="fail-on",
        value="LEVEL",
        choices=LEVELS,
        default="",
        help="exit with status 2 if something of that level or above is found: low, medium or high",
    ),
    Option(
        name="cgroup",
        value="LAYOUT",
        choices=("v1", "v2"),
        default="",
        help="show the limits for v1 or v2 instead of for this host",
    ),
)
FAILED = 2


def run(call: Call) -> int:
    options.expect_args(call, 0, 1, "at most one bundle")
    explanation = explain(os.path.abspath(call.args[0] if call.args else "."), call.options["cgroup"] or _layout())
    if call.options["json"]:
        output.write(jsontext.pretty(words.document(explanation)) + "\n")
    else:
        output.write(words.text(explanation, output.columns(100), color=output.has_colors()))
    threshold = call.options["fail-on"]
    failed = threshold and any(model.reaches(finding.level, threshold) for finding in explanation.findings)
    return FAILED if failed else 0


def explain(path: str, layout: str) -> Explanation:
    """The explanation of the bundle at `path`. Raises as `create` does: ConfigError, UnsupportedError, CgroupError."""
    config, _ = bundle.load(path)
    problems = rules.check(config)
    if problems:
        raise ConfigError(problems)
    plan = build(config, Request(container_id="ID", bundle=path), _facts())
    return Explanation(
        bundle=path,
        oci_version=plan.oci_version,
        layout=layout,
        steps=steps.steps(config, plan, layout),
        findings=findings.findings(config, plan, [*rules.warnings(config), *plan.warnings]),
    )


def _facts() -> Facts:
    """Of a host that has everything, and its root: an answer that is the same on every machine and for every user."""
    return Facts(uid=0, gid=0, capabilities=(1 << len(CAPABILITIES)) - 1, apparmor=True, selinux=True)


def _layout() -> str:
    try:
        return "v2" if cgroups.is_unified() else "v1"
    except CgroupError:
        return "v2"  # a machine without cgroups, such as a builder's
