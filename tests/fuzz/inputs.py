"""What hypothesis feeds the targets: noise, seeds, and seeds with edits."""

from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

from tests.fuzz.target import Target

MAX_EDITS = 6
MAX_NOISE = 400
MAX_SEED = 4096


def inputs(target: Target) -> SearchStrategy[bytes]:
    """Inputs of `target`; they shrink towards its first seed, untouched."""
    seeds = [seed for seed in target.seeds() if len(seed) <= MAX_SEED]
    pieces = st.binary(max_size=8)
    if target.words:
        pieces |= st.sampled_from(target.words)
    edits = st.lists(st.tuples(st.integers(0, MAX_SEED), st.integers(0, 20), pieces), max_size=MAX_EDITS)
    damaged = st.builds(_edit, st.sampled_from(seeds), edits)
    spliced = st.builds(_splice, damaged, st.sampled_from(seeds), st.integers(0, MAX_SEED))
    noise = st.binary(max_size=MAX_NOISE) | st.lists(pieces, max_size=30).map(b"".join)
    return damaged | spliced | noise


def _edit(data: bytes, edits: list[tuple[int, int, bytes]]) -> bytes:
    """Replace `cut` bytes at each place by others."""
    for place, cut, piece in edits:
        at = place % (len(data) + 1)
        data = data[:at] + piece + data[at + cut :]
    return data


def _splice(one: bytes, other: bytes, place: int) -> bytes:
    """The beginning of one and the end of the other."""
    at = place % (len(one) + 1)
    return one[:at] + other[at:]
