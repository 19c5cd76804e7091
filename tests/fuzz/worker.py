"""One target under libFuzzer: `python -m tests.fuzz.worker MODULE TARGET [libFuzzer's arguments]`."""

import sys
from importlib import import_module

INSTRUMENTED = "actors aiortc.rtp h11 json jwt trio_websocket urllib.parse wave wsproto"


def main() -> None:
    """Never returns: libFuzzer ends the process, with an error when it has found something.

    Only what the target's own module needs is imported: to instrument all would take longer than a short run.
    """
    program, module, name, *arguments = sys.argv
    atheris = import_module("atheris")
    with atheris.instrument_imports(include=INSTRUMENTED.split()):
        targets = import_module(module).TARGETS
    target = next(target for target in targets if target.name == name)
    atheris.Setup([program, *arguments], target.attempt)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
