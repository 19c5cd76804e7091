"""Every parser of what the network sends: only its own error comes out, in bounded memory."""

import ast
import sys
import tracemalloc
from collections.abc import Callable, Iterator
from pathlib import Path
from types import FrameType

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.fuzz.inputs import inputs
from tests.fuzz.target import Target
from tests.fuzz.targets import TARGETS, regressions

pytestmark = pytest.mark.pure

ROOT = Path(__file__).resolve().parents[2]
SUFFIX = "_untrusted"
EVERY = pytest.mark.parametrize("target", TARGETS.values(), ids=lambda target: target.name)


def parsers_in_the_product() -> Iterator[str]:
    """Dotted names of all functions with the suffix; the declarations of protocols are not code."""
    for package in ("actors", "supervisor"):
        for path in sorted((ROOT / package).rglob("*.py")):
            module = ".".join(path.relative_to(ROOT).with_suffix("").parts)
            yield from parsers_in(ast.parse(path.read_text()).body, module)


def parsers_in(body: list[ast.stmt], place: str) -> Iterator[str]:
    for node in body:
        match node:
            case ast.ClassDef(bases=bases) if not any(ast.unparse(base) == "Protocol" for base in bases):
                yield from parsers_in(node.body, f"{place}.{node.name}")
            case ast.FunctionDef() | ast.AsyncFunctionDef() if node.name.endswith(SUFFIX):
                yield f"{place}.{node.name}"


def peak_of(work: Callable[[], None]) -> int:
    """Bytes that `work` had allocated at its worst moment."""
    tracemalloc.start()
    try:
        work()
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def called_by(work: Callable[[], None]) -> set[str]:
    """Dotted names of the functions with the suffix that `work` calls."""
    called: set[str] = set()

    def note(frame: FrameType, event: str, _: object) -> None:
        if event == "call" and frame.f_code.co_name.endswith(SUFFIX):
            called.add(f"{frame.f_globals['__name__']}.{frame.f_code.co_qualname}")

    former = sys.getprofile()
    sys.setprofile(note)
    try:
        work()
    finally:
        sys.setprofile(former)
    return called


def check(target: Target, data: bytes) -> None:
    peak = peak_of(lambda: target.attempt(data))
    assert target.memory.allows(peak, len(data)), f"{peak} bytes for an input of {len(data)}"


def test_every_parser_has_a_target_and_every_target_a_parser() -> None:
    """A new parser that nobody fuzzes would be the one with the bug."""
    named = {parser for target in TARGETS.values() for parser in target.parsers}
    assert named == set(parsers_in_the_product())


@EVERY
def test_seeds_reach_each_parser_that_the_target_names(target: Target) -> None:
    def run() -> None:
        for seed in target.seeds():
            target.attempt(seed)

    assert set(target.parsers) <= called_by(run)


@EVERY
def test_the_largest_inputs_stay_within_the_memory_that_is_allowed(target: Target) -> None:
    for seed in target.seeds():
        target.attempt(seed)  # what is cached then is not counted
    for data in (*target.seeds(), *target.worst()):
        check(target, data)


@EVERY
@given(data=st.data())
def test_whatever_comes_only_the_parsers_own_error_comes_out(target: Target, data: st.DataObject) -> None:
    check(target, data.draw(inputs(target)))


@pytest.mark.parametrize("number", range(len(regressions())))
def test_what_once_broke_a_parser_no_longer_does(number: int) -> None:
    name, data = regressions()[number]
    check(TARGETS[name], data)
