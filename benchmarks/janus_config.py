"""Where Janus is on this machine, and the configuration that the benchmark gives it."""

import os
import shutil
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from benchmarks.messages import HOST

ROOT: Final = Path(__file__).resolve().parents[1]
UNPACKED: Final = ROOT / "build/janus"
"""Where `benchmarks/fetch_janus` leaves Debian's package."""
PLUGIN: Final = "libjanus_echotest.so"
TRANSPORT: Final = "libjanus_http.so"
MISSING: Final = "Debian's package janus is neither installed nor unpacked in build/janus"


@dataclass(frozen=True, slots=True)
class Janus:
    """An executable, the folder of its modules, and the folders of libraries that came with it."""

    program: Path
    modules: Path
    libraries: tuple[Path, ...] = ()

    @property
    def environment(self) -> dict[str, str]:
        return {**os.environ, "LD_LIBRARY_PATH": ":".join(map(str, self.libraries))}


def find_janus() -> Janus | None:
    """The installed one, else the unpacked one."""
    installed = shutil.which("janus")
    if installed is not None:
        modules = _modules(Path("/usr/lib").glob("*/janus"))
        return None if modules is None else Janus(Path(installed), modules)
    program = UNPACKED / "usr/bin/janus"
    modules = _modules(UNPACKED.glob("usr/lib/*/janus"))
    if not program.exists() or modules is None:
        return None
    return Janus(program, modules, (modules.parent,))


def _modules(folders: Iterable[Path]) -> Path | None:
    return next((folder for folder in folders if (folder / "plugins" / PLUGIN).exists()), None)


def write_config(folder: Path, janus: Janus, port: int) -> None:
    """HTTP on loopback and the echo test; ICE without STUN; no log but errors.

    Janus has no ICE on the loopback address. What the machine sends to its own address is looped back, too.
    """
    for kind, name in (("plugins", PLUGIN), ("transports", TRANSPORT)):
        (folder / kind).mkdir()
        (folder / kind / name).symlink_to(janus.modules / kind / name)
    (folder / "janus.jcfg").write_text(
        f"""general: {{
    plugins_folder = "{folder}/plugins"
    transports_folder = "{folder}/transports"
    debug_level = 2
    session_timeout = 0
}}
nat: {{
    full_trickle = false
}}
"""
    )
    (folder / "janus.transport.http.jcfg").write_text(
        f"""general: {{
    json = "compact"
    base_path = "/janus"
    http = true
    port = {port}
    ip = "{HOST}"
    https = false
}}
admin: {{
    admin_http = false
    admin_https = false
}}
"""
    )
