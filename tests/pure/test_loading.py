"""Applications are found by name."""

from pathlib import Path

import pytest

from actors.apps.loading import ApplicationError, load_application

pytestmark = pytest.mark.pure

SOURCE = """
async def app(call): pass
async def other(call): pass
def plain(call): pass
text = "x"
"""


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "house.py"
    path.write_text(SOURCE)
    return path


def test_a_file_names_its_application_or_means_app(file: Path) -> None:
    assert load_application(f"{file}:other").__name__ == "other"
    assert load_application(f"{file}").__name__ == "app"


def test_a_module_names_its_application(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(file.parent))
    assert load_application("house:other").__name__ == "other"
    assert load_application("house").__name__ == "app"


@pytest.mark.parametrize("name", ["plain", "text", "missing", ""])
def test_only_a_coroutine_function_is_an_application(file: Path, name: str) -> None:
    with pytest.raises(ApplicationError, match=r"house\.py has no `async def"):
        load_application(f"{file}:{name}")


@pytest.mark.parametrize(
    "spec", ["no/such/file.py", "no/such/file.py:app", "no_such_module:app", ".py:app", "", ":app", ".x"]
)
def test_what_is_not_there_is_named(spec: str) -> None:
    with pytest.raises(ApplicationError, match="no such"):
        load_application(spec)


def test_a_package_is_found_by_its_dotted_name(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    package = file.parent / "building"
    package.mkdir()
    file.rename(package / "hall.py")
    monkeypatch.syspath_prepend(str(file.parent))
    assert load_application("building.hall:other").__name__ == "other"
