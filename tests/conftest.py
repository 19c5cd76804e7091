"""What holds for every test: hypothesis profiles, one category a file, nothing left behind."""

import os
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

CATEGORIES = frozenset({"pure", "actor", "wire", "net", "e2e", "chaos", "soak"})
KERNEL_OBJECTS = ("socket:", "pipe:", "anon_inode:")
THREAD_GRACE = 2.0

settings.register_profile("dev", max_examples=50, deadline=None)
settings.register_profile(
    "ci", max_examples=200, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow]
)
settings.register_profile("nightly", max_examples=50_000, deadline=None)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "dev"))


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Stop unless every test file carries exactly one category mark."""
    by_file: dict[Path, set[str]] = {}
    for item in items:
        marks = CATEGORIES & {mark.name for mark in item.iter_markers()}
        if len(marks) != 1:
            raise pytest.UsageError(f"{item.nodeid} needs exactly one mark of {sorted(CATEGORIES)}")
        by_file.setdefault(item.path, set()).update(marks)
    for path, marks in by_file.items():
        if len(marks) > 1:
            raise pytest.UsageError(f"{path} mixes the categories {sorted(marks)}")


@pytest.fixture(autouse=True)
def nothing_outlives_the_test() -> Iterator[None]:
    """Fail a test that leaves threads, sockets or pipes. Trio keeps idle worker threads; they may stay."""
    threads, descriptors = set(threading.enumerate()), _kernel_objects()
    yield
    left_threads = [thread for thread in set(threading.enumerate()) - threads if not _is_gone(thread)]
    left_descriptors = sorted(_kernel_objects() - descriptors)
    assert not left_threads, f"threads outlive the test: {left_threads}"
    assert not left_descriptors, f"descriptors outlive the test: {left_descriptors}"


def _is_gone(thread: threading.Thread) -> bool:
    if thread.name.startswith("Trio thread"):
        return True
    thread.join(THREAD_GRACE)
    return not thread.is_alive()


def _kernel_objects() -> set[str]:
    """Sockets, pipes, epolls and the like of this process, by their kernel names."""
    found = set()
    for descriptor in Path("/proc/self/fd").iterdir():
        try:
            target = str(descriptor.readlink())
        except FileNotFoundError:
            continue  # the descriptor that listed the directory
        if target.startswith(KERNEL_OBJECTS):
            found.add(f"{descriptor.name} {target}")
    return found
