"""One budget of threads, so that the pools of several libraries do not fight over the same cores."""

from __future__ import annotations

import importlib
import os
from collections.abc import Generator, Iterator
from contextlib import ExitStack, contextmanager
from contextvars import ContextVar
from pathlib import Path
from typing import Any

import torch

from ..core import InputError

_BUDGET: ContextVar[int | None] = ContextVar("thread_budget", default=None)

COUNTS = ("n_jobs", "thread_count")
"""What estimators call the number of threads that they use."""


def available_cores() -> int:
    """Physical cores that this process may use, by its affinity and its quota."""
    if not hasattr(os, "sched_getaffinity"):
        return max(1, os.cpu_count() or 1)
    cores = {_siblings(cpu) for cpu in os.sched_getaffinity(0)}
    quota = _quota()
    return max(1, len(cores) if quota is None else min(len(cores), quota))


def _siblings(cpu: int) -> str:
    try:
        return Path(f"/sys/devices/system/cpu/cpu{cpu}/topology/thread_siblings_list").read_text().strip()
    except OSError:
        return str(cpu)


def _quota() -> int | None:
    try:
        limit, period = Path("/sys/fs/cgroup/cpu.max").read_text().split()
    except (OSError, ValueError):
        return None
    return None if limit == "max" else max(1, round(int(limit) / int(period)))


def current_budget() -> int | None:
    """The number of threads of the budget around this call, None outside of one."""
    return _BUDGET.get()


@contextmanager
def thread_budget(threads: int | None = None) -> Generator[int]:
    """Within it torch, OpenMP and BLAS pools, ONNX Runtime and tree libraries use this many threads each.

    Teachers take turns, so that at any time one pool works. Afterwards everything is as before.

    Args:
        threads: at least 1; the physical cores that are available unless given.
    """
    count = available_cores() if threads is None else threads
    if count < 1:
        raise InputError(f"a thread budget is at least 1, got {count}")
    before = torch.get_num_threads()
    token = _BUDGET.set(count)
    with ExitStack() as stack:
        stack.callback(torch.set_num_threads, before)
        stack.callback(_BUDGET.reset, token)
        pools = _threadpoolctl()
        if pools is not None:
            stack.enter_context(pools.threadpool_limits(limits=count))
        torch.set_num_threads(count)
        yield count


def _threadpoolctl() -> Any:
    """The library that limits OpenMP and BLAS pools, which comes with scikit-learn; None without it."""
    try:
        return importlib.import_module("threadpoolctl")
    except ImportError:
        return None


@contextmanager
def budgeted(estimator: Any) -> Generator[None]:
    """An estimator and its parts with the budget's number of threads; as it was outside of a budget."""
    count = current_budget()
    if count is None:
        yield
        return
    parts = {id(part): part for part in _parts(estimator)}.values()
    before = [(part, name, getattr(part, name)) for part in parts for name in COUNTS if name in vars(part)]
    for part, name, _ in before:
        setattr(part, name, count)
    try:
        yield
    finally:
        for part, name, value in before:
            setattr(part, name, value)


def _parts(estimator: Any) -> Iterator[Any]:
    """The estimator, the parts it is built of, and its fitted members."""
    found = estimator.get_params(deep=True).values() if hasattr(estimator, "get_params") else ()
    members = getattr(estimator, "estimators_", ())
    members = members if isinstance(members, list | tuple) else ()
    for part in (estimator, *found, *members):
        if hasattr(part, "__dict__") and not isinstance(part, type):
            yield part
