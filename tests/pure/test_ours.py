"""PyPI's `supervisor` (supervisord) installs a package of the same name: it must never shadow ours."""

from pathlib import Path

import pytest

import supervisor

pytestmark = pytest.mark.pure


def test_the_package_supervisor_lies_beside_these_tests():
    repository = Path(__file__).resolve().parents[2]
    assert supervisor.__file__ is not None
    assert Path(supervisor.__file__).resolve() == repository / "supervisor" / "__init__.py"


def test_everything_announced_is_there():
    assert [name for name in supervisor.__all__ if not hasattr(supervisor, name)] == []
    assert len(set(supervisor.__all__)) == len(supervisor.__all__)
