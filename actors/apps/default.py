"""The default application: test numbers, chosen by the custom parameter `To`."""

from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path

from actors.apps.audio import early, echo, files_of, tone
from actors.apps.client import client, stir
from actors.apps.endings import hangup, reject
from actors.apps.messages import digits, message
from actors.apps.number import DIALLED, NOT_FOUND, Number
from actors.call import Call

WITHOUT_A_NUMBER = "echo"


def open_test_numbers(sounds: Path) -> Callable[[Call], Awaitable[None]]:
    """The application; `play:FILE` plays files of the folder `sounds` only."""
    numbers: Mapping[str, Number] = {
        "echo": echo,
        "early": early,
        "tone": tone,
        "play": files_of(sounds),
        "client": client,
        "stir": stir,
        "digits": digits,
        "message": message,
        "hangup": hangup,
        "reject": reject,
    }

    async def test_numbers(call: Call) -> None:
        dialled = call.custom_parameters.get(DIALLED, "") or WITHOUT_A_NUMBER
        name, _, argument = dialled.partition(":")
        number = numbers.get(name)
        if number is None:
            call.reject(NOT_FOUND, f"no such number; there are {', '.join(numbers)}")
        else:
            await number(call, argument)

    return test_numbers
