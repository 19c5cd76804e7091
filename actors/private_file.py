"""Files that only their owner may read."""

import contextlib
import os
import secrets
from pathlib import Path

OWNER_ONLY = 0o600


def write_private(path: Path, content: bytes, *, replace: bool) -> None:
    """Write a whole file with mode 0600; readers see the old content or the new, never a part.

    Unless `replace`, a file that is there already is kept, also if another process made it meanwhile.
    Directories that are missing are made with mode 0700.
    """
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    draft = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    try:
        descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, OWNER_ONLY)
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
        if replace:
            draft.replace(path)
        else:
            with contextlib.suppress(FileExistsError):
                path.hardlink_to(draft)
    finally:
        draft.unlink(missing_ok=True)


def read_private(path: Path) -> bytes | None:
    """The content of a file, None if there is none; its mode is 0600 afterwards."""
    try:
        if path.stat().st_mode & 0o077:
            path.chmod(OWNER_ONLY)
        return path.read_bytes()
    except FileNotFoundError:
        return None
