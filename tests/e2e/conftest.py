"""One Chromium for all browser tests."""

from collections.abc import Iterator

import pytest

from tests.e2e.browser import Browser, open_browser


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    with open_browser() as browser:
        yield browser
