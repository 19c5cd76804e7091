"""The documented sample object, from cumulative counters."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from actors.insights.machine import InsightsCell, InsightsMachine, Sampled, StopInsights
from actors.insights.mos import mean_opinion_score
from actors.insights.sample import Previous, Totals, take_sample

pytestmark = pytest.mark.pure

FIRST = Totals(
    at=100.0,
    bytes_sent=8000,
    packets_sent=50,
    bytes_received=7840,
    packets_received=49,
    packets_lost=1,
    jitter_ms=4.5,
    rtt_ms=80.0,
    codec="opus",
    input_levels=(1000.0, 1400.4),
    output_levels=(900.0,),
)
SECOND = replace(
    FIRST,
    at=101.0,
    bytes_sent=16000,
    packets_sent=100,
    bytes_received=14400,
    packets_received=90,
    packets_lost=10,
    jitter_ms=6.0,
    rtt_ms=90.0,
)


def test_the_first_sample_counts_from_zero_and_has_no_mos() -> None:
    _, sample = take_sample(None, FIRST)
    assert sample == {
        "audioInputLevel": 1200,
        "audioOutputLevel": 900,
        "bytesReceived": 7840,
        "bytesSent": 8000,
        "codecName": "opus",
        "jitter": 4.5,
        "mos": None,
        "packetsLost": 1,
        "packetsLostFraction": 2.0,
        "packetsReceived": 49,
        "packetsSent": 50,
        "rtt": 80.0,
        "timestamp": 100_000.0,
        "totals": {
            "bytesReceived": 7840,
            "bytesSent": 8000,
            "packetsLost": 1,
            "packetsLostFraction": 2.0,
            "packetsReceived": 49,
            "packetsSent": 50,
        },
    }


def test_later_samples_count_the_interval() -> None:
    previous, _ = take_sample(None, FIRST)
    _, sample = take_sample(previous, SECOND)
    interval = {name: sample[name] for name in ("bytesSent", "bytesReceived", "packetsSent")}  # type: ignore[literal-required]
    assert interval == {"bytesSent": 8000, "bytesReceived": 6560, "packetsSent": 50}
    assert (sample["packetsReceived"], sample["packetsLost"]) == (41, 9)
    assert sample["packetsLostFraction"] == 9 / 50 * 100
    assert sample["totals"]["packetsLostFraction"] == 10.0
    assert sample["mos"] == mean_opinion_score(90.0, 6.0, 18.0)


def test_an_idle_interval_lost_nothing_and_an_idle_call_everything() -> None:
    """The two fractions differ on purpose; that is how the original counts."""
    _, sample = take_sample(None, replace(FIRST, packets_received=0, packets_lost=0))
    assert sample["packetsLostFraction"] == 0
    assert sample["totals"]["packetsLostFraction"] == 100


def test_an_unknown_round_trip_keeps_its_last_value() -> None:
    previous, _ = take_sample(None, FIRST)
    for _ in range(2):
        previous, sample = take_sample(previous, replace(SECOND, rtt_ms=None))
        assert sample["rtt"] == 80.0
        assert sample["mos"] is not None


def test_there_is_no_mos_while_the_round_trip_was_never_known() -> None:
    previous, sample = take_sample(None, replace(FIRST, rtt_ms=None))
    assert sample["rtt"] is None
    _, sample = take_sample(previous, replace(SECOND, rtt_ms=None))
    assert (sample["rtt"], sample["mos"]) == (None, None)


def test_duplicates_may_lower_the_loss_and_then_there_is_no_mos() -> None:
    previous, _ = take_sample(None, SECOND)
    _, sample = take_sample(previous, replace(SECOND, packets_lost=8, packets_received=95))
    assert sample["packetsLost"] == -2
    assert sample["mos"] is None


def test_counters_that_began_anew_count_from_zero() -> None:
    """A new media session must not show as minus thousands of packets."""
    previous, _ = take_sample(None, SECOND)
    _, sample = take_sample(previous, replace(FIRST, at=102.0))
    assert (sample["packetsSent"], sample["bytesReceived"]) == (50, 7840)
    assert sample["mos"] is not None


@pytest.mark.parametrize(
    ("codec", "shown"), [("opus", "opus"), ("pcmu", "PCMU"), ("pcma", "PCMA"), ("x", "x")]
)
def test_the_codec_is_spelled_as_registered(codec: str, shown: str) -> None:
    assert take_sample(None, replace(FIRST, codec=codec))[1]["codecName"] == shown


@given(st.lists(st.tuples(*[st.integers(0, 10_000)] * 5), min_size=1, max_size=20))
def test_intervals_add_up_to_the_totals(steps: list[tuple[int, int, int, int, int]]) -> None:
    previous: Previous | None = None
    totals = replace(
        FIRST, bytes_sent=0, packets_sent=0, bytes_received=0, packets_received=0, packets_lost=0
    )
    sums = {"bytesSent": 0, "packetsSent": 0, "bytesReceived": 0, "packetsReceived": 0, "packetsLost": 0}
    for sent_bytes, sent, received_bytes, received, lost in steps:
        totals = replace(
            totals,
            bytes_sent=totals.bytes_sent + sent_bytes,
            packets_sent=totals.packets_sent + sent,
            bytes_received=totals.bytes_received + received_bytes,
            packets_received=totals.packets_received + received,
            packets_lost=totals.packets_lost + lost,
        )
        previous, sample = take_sample(previous, totals)
        for name in sums:
            sums[name] += sample[name]  # type: ignore[literal-required]
        assert 0 <= sample["packetsLostFraction"] <= 100
        assert {name: sample["totals"][name] for name in sums} == sums  # type: ignore[literal-required]


def test_state_is_kept_only_when_committed() -> None:
    """What crashed between a sample and its commit is counted by the next sample."""
    cell = InsightsCell()
    crashed = InsightsMachine(cell)
    crashed.handle(FIRST, 0.0)
    (effect,) = InsightsMachine(cell).handle(SECOND, 1.0)
    assert isinstance(effect, Sampled)
    assert effect.sample["packetsSent"] == 100


def test_the_machine_stops_when_told_and_has_no_deadline() -> None:
    machine = InsightsMachine(InsightsCell())
    assert (machine.done, machine.deadline, repr(machine)) == (False, None, "<InsightsMachine idle>")
    assert tuple(machine.handle(StopInsights(), 0.0)) == ()
    assert (machine.done, repr(machine)) == (True, "<InsightsMachine done>")
