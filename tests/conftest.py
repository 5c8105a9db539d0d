"""What every test gets: fixed seeds, few threads, the folders outside, and an honest account of skips.

- `@pytest.mark.system("chromium")` skips a test where no such program is installed and names the package
  at the end.
- `--rest` runs only what a run without slow tests left out: slow and system tests, and what it skipped.
- TUTELAGE_NO_SKIP=1 fails the run on any skip. The only skips it lets pass, and names, are those for want
  of golden numbers or data sets, which the repository does not carry, of a GPU, and of packages too large for
  the development set.
"""

from __future__ import annotations

import os
import random
import shutil
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
import torch
from beartype import BeartypeConf, BeartypeDecorPlace
from beartype.claw import beartype_package

import outside

UNCHECKED = ("report", "train.keep", "train.run", "train.summary", "data.recipe", "data.recording", "data.frames")
"""Modules whose annotations name what is only imported while types are checked."""

beartype_package(
    "tutelage",
    conf=BeartypeConf(
        claw_is_pep526=False,
        claw_decor_place_func=BeartypeDecorPlace.FIRST,  # inside other decorators, where names are known
        violation_type=TypeError,
        # recipes: their rules are fingerprinted as they are
        claw_skip_package_names=tuple(f"tutelage.{name}" for name in ("recipes", *UNCHECKED)),
    ),
)

NO_SKIP = os.environ.get("TUTELAGE_NO_SKIP") == "1"
SYSTEM = "system package missing"
SKIPPED = "tutelage/skipped"  # the key of pytest's cache under which the last run leaves what it skipped


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--rest", action="store_true", help="only slow, system and last time's skipped tests")


def pytest_configure(config: pytest.Config) -> None:
    torch.set_num_threads(1)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    if not config.getoption("--rest"):
        return
    assert config.cache is not None
    skipped: list[str] = config.cache.get(SKIPPED, [])

    def left_out(item: pytest.Item) -> bool:
        marked = item.get_closest_marker("slow") or item.get_closest_marker("system")
        return bool(marked) or any(item.nodeid == s or item.nodeid.startswith(f"{s}::") for s in skipped)

    config.hook.pytest_deselected(items=[item for item in items if not left_out(item)])
    items[:] = [item for item in items if left_out(item)]


def pytest_runtest_setup(item: pytest.Item) -> None:
    for marker in item.iter_markers("system"):
        package, *programs = marker.args
        if not any(shutil.which(program) for program in programs or [package]):
            pytest.skip(f"{SYSTEM}: {package}")


@pytest.fixture(autouse=True)
def _seeds() -> None:
    random.seed(0)
    np.random.seed(0)
    torch.manual_seed(0)


@pytest.fixture(scope="session")
def oracles() -> Path:
    """The folder of golden numbers."""
    if not outside.ORACLES.is_dir():
        pytest.skip(outside.absent(outside.ORACLES))
    return outside.ORACLES


@pytest.fixture(scope="session")
def data() -> Path:
    """The folder of public data sets."""
    if not outside.DATA.is_dir():
        pytest.skip(outside.absent(outside.DATA))
    return outside.DATA


def _skips(config: pytest.Config) -> list[tuple[str, str]]:
    """Name and reason of every skipped test so far."""
    reporter = config.pluginmanager.get_plugin("terminalreporter")
    if reporter is None:
        return []
    return [
        (report.nodeid, str(report.longrepr[2]).removeprefix("Skipped: "))
        for report in reporter.stats.get("skipped", [])
    ]


def _forbidden(config: pytest.Config) -> list[tuple[str, str]]:
    """The skips that fail the run."""
    return [skip for skip in _skips(config) if NO_SKIP and not _excused(skip[1])]


def _excused(reason: str) -> bool:
    return outside.ABSENT in reason or outside.HEAVY in reason or reason == outside.NO_GPU


@pytest.hookimpl(tryfirst=True)
def pytest_sessionfinish(session: pytest.Session) -> None:
    if hasattr(session.config, "workerinput"):  # a process of pytest-xdist: the parent keeps the account
        return
    cache = getattr(session.config, "cache", None)  # absent with -p no:cacheprovider
    if cache is not None and not session.config.getoption("--rest"):
        cache.set(SKIPPED, [name for name, _ in _skips(session.config)])
    if _forbidden(session.config) and session.exitstatus == pytest.ExitCode.OK:
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    skips = _skips(config)
    missing = [(reason.split(f"{SYSTEM}: ")[1], name) for name, reason in skips if SYSTEM in reason]
    if missing:
        terminalreporter.section("not run for want of a system package (make test-all installs them)")
        for package, name in sorted(missing):
            terminalreporter.write_line(f"{package}: {name}")
    absent = Counter(reason for _, reason in skips if _excused(reason))
    if absent:
        terminalreporter.section("not run for want of an outside folder, a GPU or a large package")
        for reason, count in absent.items():
            terminalreporter.write_line(f"{count} tests: {reason}")
    if _forbidden(config):
        terminalreporter.section("FAILED: TUTELAGE_NO_SKIP=1 and tests were skipped", red=True)
        for name, reason in _forbidden(config):
            terminalreporter.write_line(f"{name}: {reason}")
