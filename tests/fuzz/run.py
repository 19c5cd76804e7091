"""Fuzz the targets with atheris, one after another: `python -m tests.fuzz.run [--seconds N] [TARGET ...]`.

What is found stays under `build/fuzz`, and so does the corpus: the next run begins with both. An input is
run again, without atheris, with `python -m tests.fuzz.run TARGET --input HEX`.
"""

import argparse
import os
import re
import subprocess
import sys
from dataclasses import dataclass
from hashlib import sha256
from importlib.util import find_spec
from pathlib import Path

from tests.fuzz.target import Target
from tests.fuzz.targets import TARGETS, regressions

PLACE = Path("build/fuzz")
TIMEOUT_SECONDS = 30
MAX_RSS_MB = 1536
START_SECONDS = 600
"""For importing and instrumenting, and for the seeds, on a machine that is busy."""
MAX_HEX = 4000
TAIL_LINES = 25

PROGRESS = re.compile(r"^#(\d+)\s+\w+.*?cov: (\d+)", re.MULTILINE)
RATE = re.compile(r"^stat::average_exec_per_sec:\s+(\d+)", re.MULTILINE)
RUNS = re.compile(r"^stat::number_of_executed_units:\s+(\d+)", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Outcome:
    """`crashes` are the inputs that broke something; without any the fuzzer itself may have failed."""

    is_good: bool
    log: str
    crashes: tuple[bytes, ...]

    def summary(self) -> str:
        coverage = [int(blocks) for _, blocks in PROGRESS.findall(self.log)] or [0]
        runs, rate = RUNS.search(self.log), RATE.search(self.log)
        counts = f"{runs[1] if runs else '?':>8} runs {rate[1] if rate else '?':>6}/s"
        return f"{counts}  coverage {coverage[0]:>4} -> {coverage[-1]:>4}"


def fuzz(target: Target, seconds: int) -> Outcome:
    """Run one target in a process of its own for so many seconds."""
    place = PLACE / target.name
    corpus, found = place / "corpus", place / "found"
    for folder in (corpus, found):
        folder.mkdir(parents=True, exist_ok=True)
    for former in found.iterdir():
        former.rename(corpus / former.name)
    write_seeds(target, corpus)
    words = place / "words"
    words.write_text("".join(f'"{escape(word)}"\n' for word in target.words))
    command = [
        sys.executable,
        "-m",
        "tests.fuzz.worker",
        target.run.__module__,
        target.name,
        f"-max_total_time={seconds}",
        f"-timeout={TIMEOUT_SECONDS}",
        f"-report_slow_units={TIMEOUT_SECONDS}",
        f"-rss_limit_mb={MAX_RSS_MB}",
        f"-max_len={max(target.max_bytes, *map(len, target.seeds()))}",
        *([f"-dict={words}"] if target.words else []),
        f"-artifact_prefix={found}/",
        "-detect_leaks=0",
        "-print_final_stats=1",
        str(corpus),
    ]
    with (place / "log").open("w") as log:
        is_good = run(command, log.fileno(), seconds + START_SECONDS)
    crashes = tuple(path.read_bytes() for path in sorted(found.iterdir()))
    return Outcome(is_good and not crashes, (place / "log").read_text(errors="replace"), crashes)


def run(command: list[str], log: int, seconds: int) -> bool:
    environment = {**os.environ, "PYTHONUNBUFFERED": "1"}
    try:
        done = subprocess.run(command, stdout=log, stderr=log, timeout=seconds, env=environment, check=False)
    except subprocess.TimeoutExpired:
        return False
    return done.returncode == 0


def write_seeds(target: Target, corpus: Path) -> None:
    known = [data for name, data in regressions() if name == target.name]
    for seed in (*target.seeds(), *known):
        (corpus / sha256(seed).hexdigest()[:20]).write_bytes(seed)


def escape(word: bytes) -> str:
    """As libFuzzer's dictionaries have it."""
    return "".join(f"\\x{byte:02x}" for byte in word)


def report(target: Target, outcome: Outcome) -> None:
    """What went wrong, and how to see it again."""
    say("\n".join(outcome.log.splitlines()[-TAIL_LINES:]))
    for data in outcome.crashes:
        digits = data.hex()
        if len(digits) > MAX_HEX:
            say(f"an input of {len(data)} bytes is in {PLACE / target.name / 'found'}")
        else:
            say(f"python -m tests.fuzz.run {target.name} --input {digits}")
            say(f"once it is repaired, tests/fuzz/regressions.txt: {target.name} {digits}")


def say(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz.run")
    parser.add_argument("targets", nargs="*", metavar="TARGET", help=f"of {', '.join(TARGETS)}")
    parser.add_argument("--seconds", type=int, default=20, help="for each target")
    parser.add_argument("--input", metavar="HEX", help="run this once, without atheris")
    chosen = parser.parse_args()
    unknown = set(chosen.targets) - set(TARGETS)
    if unknown:
        parser.error(f"no such target: {', '.join(sorted(unknown))}")
    targets = [TARGETS[name] for name in chosen.targets or TARGETS]
    if chosen.input is not None:
        for target in targets:
            target.attempt(bytes.fromhex(chosen.input))
        return 0
    if find_spec("atheris") is None:
        parser.error("atheris is not installed: use `make fuzz`")
    outcomes = []
    for target in targets:
        outcome = fuzz(target, chosen.seconds)
        outcomes.append(outcome)
        say(f"{target.name:18} {outcome.summary()}  {'ok' if outcome.is_good else 'FAILED'}")
        if not outcome.is_good:
            report(target, outcome)
    return 0 if all(outcome.is_good for outcome in outcomes) else 1


if __name__ == "__main__":
    sys.exit(main())
