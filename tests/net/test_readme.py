"""The example of the README runs as printed, but for the address of the server and of its certificate."""

import re
from pathlib import Path

import pytest
import trio

from tests.fakes.house import open_house

pytestmark = pytest.mark.net

README = Path(__file__).resolve().parents[2] / "README.md"


async def test_the_example_hears_its_own_tone(tmp_path: Path) -> None:
    example = re.search(r"```python\n(.*?)```", README.read_text(), re.DOTALL)
    assert example is not None
    code = example.group(1)
    with trio.fail_after(20):
        async with open_house(tmp_path) as house:
            code = code.replace("127.0.0.1:8443", f"127.0.0.1:{house.node.port}")
            code = code.replace(
                "~/.local/share/trunkline/self-signed.crt", str(house.node.credentials.certificate)
            )
            scope: dict[str, object] = {}
            exec(compile(code, str(README), "exec"), scope)
            await scope["main"](house.token("alice"))  # type: ignore[operator]
