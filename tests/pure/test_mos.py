"""The opinion score: known values, and what must hold for any network."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from actors.insights.mos import mean_opinion_score

pytestmark = pytest.mark.pure

VECTORS = [
    ((0, 0, 0), 4.433327950361177),
    ((77, 0, 0), 4.397229249317001),
    ((200, 10, 1), 4.071015747514176),
    ((400, 30, 3), 2.6943484043301766),
    ((990, 0, 0), 1.0000314733439999),
    ((990, 0, 1), 1.0),
    ((50, 0, 38), 1.0),
]
milliseconds = st.floats(0, 5000)
percent = st.floats(0, 100)


@pytest.mark.parametrize(("figures", "expected"), VECTORS)
def test_known_values(figures: tuple[float, float, float], expected: float) -> None:
    assert mean_opinion_score(*figures) == pytest.approx(expected, rel=1e-14)


@pytest.mark.parametrize("missing", [None, -1.0, -0.001, math.nan, math.inf, -math.inf])
@pytest.mark.parametrize("place", [0, 1, 2])
def test_no_score_without_three_figures(missing: float | None, place: int) -> None:
    figures: list[float | None] = [100.0, 5.0, 0.5]
    assert mean_opinion_score(*figures) is not None
    figures[place] = missing
    assert mean_opinion_score(*figures) is None


@given(rtt=milliseconds, jitter=milliseconds, loss=percent)
def test_the_score_keeps_its_range(rtt: float, jitter: float, loss: float) -> None:
    score = mean_opinion_score(rtt, jitter, loss)
    assert score is not None
    assert 1.0 <= score <= 4.4333279503612


@given(rtt=milliseconds, jitter=milliseconds, loss=percent, worse=st.floats(0, 1000))
def test_a_worse_network_never_scores_better(rtt: float, jitter: float, loss: float, worse: float) -> None:
    score = mean_opinion_score(rtt, jitter, loss)
    assert score is not None
    for figures in ((rtt + worse, jitter, loss), (rtt, jitter + worse, loss), (rtt, jitter, loss + worse)):
        degraded = mean_opinion_score(*figures)
        assert degraded is not None
        assert degraded <= score + 1e-12
