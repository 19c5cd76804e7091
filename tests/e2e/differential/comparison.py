"""Whether two logs say the same."""

from collections.abc import Sequence
from difflib import unified_diff

from tests.e2e.differential.difference import Difference, Repeated
from tests.e2e.differential.log import Entry, lines_of

LOOSE = frozenset({"audio", "sample", "volume", "warning", "warning-cleared"})
"""Events that come by a clock or with the first packet: compared by shape, not by count and place."""
MAX_CONTEXT_LINES = 99


def disagreements(
    sdk: Sequence[Entry], ours: Sequence[Entry], differences: Sequence[Difference]
) -> tuple[list[str], set[Difference]]:
    """What the logs of one party do not agree in, and the differences that were found as intended."""
    found: list[str] = []
    hit: set[Difference] = set()
    for source in sorted({entry.source for entry in (*sdk, *ours)}):
        expected, told = lines_of(sdk, source, LOOSE), lines_of(ours, source, LOOSE)
        for difference in differences:
            if difference.of != source:
                continue
            turned = difference.applied(expected)
            if turned != expected:
                hit.add(difference)
            expected = turned
            told = difference.applied(told) if isinstance(difference, Repeated) else told
        titles = (f"{source}: the SDK", f"{source}: our Device")
        found += unified_diff(expected, told, *titles, n=MAX_CONTEXT_LINES, lineterm="")
        for name in sorted(LOOSE):
            found += _loose(sdk, ours, source, name)
    return found, hit


def _loose(sdk: Sequence[Entry], ours: Sequence[Entry], source: str, name: str) -> list[str]:
    """Compared where both have it; a scenario waits for those that it is about."""
    both = [{e.line for e in log if (e.source, e.name) == (source, name)} for log in (sdk, ours)]
    states = {line.rpartition(" while ")[2] for lines in both for line in lines}
    late = [f"{source}: {name} after the end"] if "closed" in states else []
    theirs, own = ({line.rpartition(" while ")[0] for line in lines} for lines in both)
    if not theirs or not own or theirs & own:
        return late
    return [*late, f"{source}: the SDK: {sorted(theirs)}", f"{source}: our Device: {sorted(own)}"]
