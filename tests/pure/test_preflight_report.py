"""A preflight test's report, from what was seen."""

from dataclasses import replace
from typing import Any

import pytest

from actors.device.preflight_report import Findings, call_quality, write_report
from actors.events import Endpoint, MediaSecured

pytestmark = pytest.mark.pure

EPOCH = 1_700_000_000.0
HOST, PRFLX = (126 << 24) + 1, 1862270975
SECURED = MediaSecured(
    0.25,
    0.5,
    Endpoint("192.0.2.1", 5000, HOST),
    Endpoint("198.51.100.2", 6000, HOST),
    (Endpoint("198.51.100.9", 6000, HOST), Endpoint("198.51.100.2", 6000, HOST)),
)


def sample(mos: float | None, jitter: float = 2.0, rtt: float | None = 20.0) -> dict[str, Any]:
    return {"mos": mos, "jitter": jitter, "rtt": rtt, "totals": {"packetsSent": 50}}


def found(*samples: dict[str, Any], **changes: Any) -> Findings:
    return Findings(10.0, 15.0, samples=samples, **changes)


@pytest.mark.parametrize(
    ("mos", "word"),
    [
        (4.4, "excellent"),
        (4.2, "great"),
        (4.1, "great"),
        (4.05, "good"),
        (3.7, "good"),
        (3.65, "fair"),
        (3.1, "fair"),
        (3.05, "degraded"),
        (1.0, "degraded"),
    ],
)
def test_quality_has_no_gaps(mos: float, word: str) -> None:
    """Quirk not copied: the SDK calls 4.05 degraded, though 4.0 is good and 4.1 great."""
    assert call_quality(mos) == word


def test_statistics_begin_with_the_first_mos() -> None:
    report = write_report(
        found(sample(None, 90.0), sample(0.0, 80.0), sample(4.3, 1.0), sample(4.1, 3.0)), EPOCH
    )
    assert report["stats"] == {
        "jitter": {"average": 2.0, "max": 3.0, "min": 1.0},
        "mos": {"average": 4.2, "max": 4.3, "min": 4.1},
        "rtt": {"average": 20.0, "max": 20.0, "min": 20.0},
    }
    assert report["callQuality"] == "great"
    assert len(report["samples"]) == 4


def test_averages_have_five_significant_digits() -> None:
    report = write_report(found(sample(4.0, 1.0), sample(4.0, 1.0), sample(4.0, 2.0)), EPOCH)
    assert report["stats"]["jitter"]["average"] == 1.3333


def test_values_that_are_not_known_do_not_count() -> None:
    report = write_report(found(sample(4.0, rtt=None), sample(None, rtt=30.0), sample(4.2, rtt=50.0)), EPOCH)
    assert report["stats"]["rtt"] == {"average": 40.0, "max": 50.0, "min": 30.0}
    assert report["stats"]["mos"]["average"] == 4.1


@pytest.mark.parametrize("samples", [(), (sample(None),)])
def test_without_a_mos_there_is_no_verdict(samples: tuple[dict[str, Any], ...]) -> None:
    report = write_report(found(*samples), EPOCH)
    assert "stats" not in report
    assert "callQuality" not in report
    assert report["totals"] == (samples[-1]["totals"] if samples else None)


def test_times_are_milliseconds_since_the_epoch() -> None:
    report = write_report(found(registered=11.0, secured=SECURED, secured_at=12.75), EPOCH)
    start = (EPOCH + 10.0) * 1000
    assert report["testTiming"] == {"start": start, "end": start + 5000, "duration": 5000.0}
    assert report["networkTiming"] == {
        "signaling": {"start": start, "end": start + 1000, "duration": 1000.0},
        "ice": {"start": start + 2000, "end": start + 2250, "duration": 250.0},
        "dtls": {"start": start + 2250, "end": start + 2750, "duration": 500.0},
        "peerConnection": {"start": start + 2000, "end": start + 2750, "duration": 750.0},
    }


def test_the_report_names_all_candidates_and_the_pair_in_use() -> None:
    report = write_report(found(secured=SECURED), EPOCH)
    local, first, second = report["iceCandidateStats"]
    assert (local["type"], local["address"], local["port"], local["isRemote"]) == (
        "local-candidate",
        "192.0.2.1",
        5000,
        False,
    )
    assert {key: second[key] for key in ("type", "candidateType", "ip", "protocol")} == {  # type: ignore[literal-required]
        "type": "remote-candidate",
        "candidateType": "host",
        "ip": "198.51.100.2",
        "protocol": "udp",
    }
    assert report["selectedIceCandidatePairStats"] == {"localCandidate": local, "remoteCandidate": second}
    assert first["ip"] == "198.51.100.9"


def test_a_remote_candidate_that_was_not_offered_is_named_too() -> None:
    reflexive = Endpoint("203.0.113.9", 7000, PRFLX)
    report = write_report(found(secured=replace(SECURED, remote=reflexive)), EPOCH)
    assert [entry["candidateType"] for entry in report["iceCandidateStats"]] == ["host"] * 3 + ["prflx"]
    assert report["selectedIceCandidatePairStats"]["remoteCandidate"] == report["iceCandidateStats"][-1]


@pytest.mark.parametrize(
    ("preference", "kind", "needs_turn"),
    [
        (126, "host", False),
        (110, "prflx", False),
        (100, "srflx", False),
        (2, "relay", True),
        (0, "relay", True),
    ],
)
def test_turn_is_required_when_an_end_is_relayed(preference: int, kind: str, needs_turn: bool) -> None:
    end = Endpoint("203.0.113.9", 7000, preference << 24)
    for changes in ({"local": end}, {"remote": end}):
        report = write_report(found(secured=replace(SECURED, **changes)), EPOCH)
        assert report["isTurnRequired"] is needs_turn
        assert kind in [entry["candidateType"] for entry in report["iceCandidateStats"]]


def test_without_a_path_nothing_is_known_of_turn() -> None:
    report = write_report(found(), EPOCH)
    assert not {"isTurnRequired", "selectedIceCandidatePairStats"} & set(report)
    assert report["iceCandidateStats"] == []


def test_what_never_happened_has_no_time() -> None:
    assert write_report(found(registered=None), EPOCH)["networkTiming"] == {}


def test_the_call_and_its_edges_are_named() -> None:
    report = write_report(found(call_sid="CA1", edge="here", selected_edge="roaming"), EPOCH)
    assert (report["callSid"], report["edge"], report["selectedEdge"]) == ("CA1", "here", "roaming")
    assert (report["iceCandidateStats"], report["warnings"]) == ([], [])
