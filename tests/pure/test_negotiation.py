"""One leg's negotiation: two machines back to back, then loss, return, and an engine that was replaced."""

import itertools
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from actors.ids import LegId
from actors.media import engine_messages as e
from actors.media import messages as m
from actors.media.attachment import step
from actors.media.engine_messages import DtlsRole, IceCredentials, IceRole
from actors.media.header_extension import AUDIO_LEVEL
from actors.media.negotiation_state import (
    Attached,
    BecomeReady,
    Negotiation,
    Phase,
    RaiseLost,
    ToCall,
    ToEngine,
)
from actors.media.sdp import parse_description_untrusted

pytestmark = pytest.mark.pure

DATA = Path(__file__).parents[1] / "data"
CANDIDATE = e.Candidate("192.0.2.1", 40000)
OFFER = (DATA / "chromium_offer.sdp").read_bytes().decode()
ANSWER = (DATA / "chromium_answer.sdp").read_bytes().decode()


def fingerprint(octet):
    return ":".join([octet] * 32)


class Side:
    """A leg's state and what its machine asked for."""

    def __init__(self, role, octet="AA"):
        self.leg = LegId(f"L{octet}")
        self.state = Negotiation(self.leg, role)
        self.octet = octet
        self.fresh = (
            IceCredentials(f"{octet}ufrag{number}", f"{octet}{'p' * 22}{number}")
            for number in itertools.count()
        )
        self.attach()

    def take(self, message):
        """(engine commands, reports, the rest) that `message` leads to."""
        self.state, effects = step(self.state, message, next(self.fresh))
        commands = [effect.command for effect in effects if isinstance(effect, ToEngine)]
        reports = [effect.report for effect in effects if isinstance(effect, ToCall)]
        return commands, reports, [effect for effect in effects if not isinstance(effect, ToEngine | ToCall)]

    def attach(self):
        return self.take(Attached(fingerprint(self.octet), (CANDIDATE,)))

    def status(self, *, is_open=True, is_flowing=False):
        return self.take(e.LegStatus(self.leg, is_open, is_flowing))

    def describe(self, message):
        """The description that `message` leads to."""
        return self.take(message)[1][-1].sdp


def gateway():
    return Side(IceRole.LITE, "AA")


def client():
    return Side(IceRole.CONTROLLING, "CC")


def kinds(messages):
    return [type(message).__name__ for message in messages]


def established():
    """A client that has called a gateway, with media flowing both ways."""
    caller, callee = client(), gateway()
    answer = callee.describe(m.AnswerOffer(caller.describe(m.CreateOffer())))
    caller.take(m.ApplyAnswer(answer))
    for side in (caller, callee):
        side.take(e.PathUp(side.leg))
    return caller, callee


def lost(side):
    """`side` has lost its path and a new incarnation waits for it."""
    side.take(e.PathLost(side.leg, 2.0))
    side.attach()
    side.status()
    return side


def peer_of(commands):
    return next(command.peer for command in commands if isinstance(command, e.Negotiate))


# --- two machines back to back --------------------------------------------------------------------


@pytest.mark.parametrize(("offerer", "answerer"), [(client, gateway), (gateway, client), (client, client)])
@pytest.mark.parametrize("codecs", [(), ("opus",), ("pcma", "opus")])
def test_two_sides_agree(offerer, answerer, codecs):
    one, other = offerer(), answerer()
    opened, (offer,), _ = one.take(m.CreateOffer(codecs))
    assert kinds(opened) == ["OpenLeg"]
    commands, (answer,), _ = other.take(m.AnswerOffer(offer.sdp))
    assert kinds(commands) == ["OpenLeg", "Negotiate"]
    (negotiated,), (applied,), _ = one.take(m.ApplyAnswer(answer.sdp))
    expected = (codecs or ("pcmu",))[0]
    assert (answer.codec, applied) == (expected, m.Applied(expected))
    assert negotiated.codec.name == commands[1].codec.name == expected
    assert negotiated.codec.dtmf_payload_type == commands[1].codec.dtmf_payload_type is not None
    assert {negotiated.dtls, commands[1].dtls} == {DtlsRole.CLIENT, DtlsRole.SERVER}
    assert negotiated.peer.ice == commands[0].local
    assert commands[1].peer.ice == opened[0].local
    assert (negotiated.peer.fingerprint, commands[1].peer.fingerprint) == (
        fingerprint(other.octet),
        fingerprint(one.octet),
    )


def test_client_learns_the_gateways_address_and_that_it_is_lite():
    caller, callee = client(), gateway()
    offer = caller.describe(m.CreateOffer())
    commands, reports, _ = callee.take(m.AnswerOffer(offer))
    assert peer_of(commands).candidates == ()
    peer = peer_of(caller.take(m.ApplyAnswer(reports[0].sdp))[0])
    assert (peer.candidates, peer.is_lite) == ((CANDIDATE,), True)


def without(line, sdp):
    assert line in sdp
    return "".join(kept for kept in sdp.splitlines(keepends=True) if line not in kept)


def test_engine_learns_where_the_peer_tells_its_level():
    """Under the number that the peer has offered, or that we have and the peer has taken."""
    commands, _, _ = gateway().take(m.AnswerOffer(OFFER))
    assert peer_of(commands).level_extension == 1
    commands, _, _ = gateway().take(m.AnswerOffer(without(AUDIO_LEVEL, OFFER)))
    assert peer_of(commands).level_extension is None
    for removed, number in (("a=nothing", 1), (AUDIO_LEVEL, None)):
        caller = client()
        offer = caller.describe(m.CreateOffer()).replace("/recvonly", "")
        answer = gateway().describe(m.AnswerOffer(offer)).replace("/recvonly", "")
        answer = without(removed, answer + "a=nothing\r\n")
        assert peer_of(caller.take(m.ApplyAnswer(answer))[0]).level_extension == number
        reoffer = caller.describe(m.RestartIce())
        assert (AUDIO_LEVEL in reoffer) is (number is not None), "what was agreed on, and nothing else"


def test_gateway_waits_for_the_handshake_of_its_caller():
    """A peer that starts DTLS does so when its ICE is up; ours would race it."""
    commands, _, _ = gateway().take(m.AnswerOffer(OFFER))
    assert commands[1].dtls is DtlsRole.SERVER


def test_ice_restart_renews_credentials_and_nothing_else():
    caller, callee = established()
    before = callee.state.session
    (restart,), (offer,), _ = caller.take(m.RestartIce())
    assert offer.restart
    commands, (answer,), _ = callee.take(m.AnswerRestart(offer.sdp))
    assert commands == [
        e.RestartLeg(callee.leg, callee.state.local),
        e.RestartPeer(callee.leg, restart.local, ()),
    ]
    assert answer.restart
    assert (callee.state.session.codec, callee.state.session.dtls) == (before.codec, before.dtls)
    done, reports, _ = caller.take(m.ApplyAnswer(answer.sdp))
    assert done == [e.RestartPeer(caller.leg, callee.state.local, (CANDIDATE,))]
    assert reports == [m.Applied("pcmu", restart=True)]
    assert caller.state.phase is Phase.ESTABLISHED
    assert parse_description_untrusted(answer.sdp).setup == "passive"


def test_each_restart_has_new_credentials_and_a_new_version():
    caller, _ = established()
    offers = [caller.take(m.RestartIce())[1][0].sdp for _ in range(3)]
    assert len({parse_description_untrusted(sdp).ice for sdp in offers}) == 3
    assert len({sdp.splitlines()[1] for sdp in offers}) == 3


def test_only_the_newest_restart_offer_is_applied_with_its_answer():
    caller, callee = established()
    caller.take(m.RestartIce())
    newest = caller.describe(m.RestartIce())
    pending = caller.state.reoffered
    caller.take(m.ApplyAnswer(callee.describe(m.AnswerRestart(newest))))
    assert (caller.state.local, caller.state.reoffered) == (pending, None)


def test_replaced_peer_gets_a_new_media_session_on_the_same_leg():
    """The page was reloaded with its connect token: other certificate, other call object, same call."""
    _, callee = established()
    other = Side(IceRole.CONTROLLING, "DD")
    commands, (answer,), _ = callee.take(m.AnswerRestart(other.describe(m.CreateOffer(("opus",)))))
    assert kinds(commands) == ["RestartLeg", "Negotiate"]
    assert peer_of(commands).fingerprint == fingerprint("DD")
    assert (answer.restart, answer.codec) == (True, "opus")
    assert kinds(callee.take(e.PathUp(callee.leg))[1]) == ["Flowing"]
    assert other.take(m.ApplyAnswer(answer.sdp))[1] == [m.Applied("opus")]


def test_replaced_gateway_engine_is_a_new_media_session_for_the_client():
    caller, _ = established()
    caller.take(m.RestartIce())
    other = Side(IceRole.LITE, "EE")
    answer = other.describe(m.AnswerOffer(caller.describe(m.RestartIce())))
    commands, reports, _ = caller.take(m.ApplyAnswer(answer))
    assert kinds(commands) == ["Negotiate"]
    assert reports == [m.Applied("pcmu", restart=True)]


# --- reconnecting peers ---------------------------------------------------------------------------


def test_unchanged_description_is_kept():
    caller, callee = client(), gateway()
    offer = caller.describe(m.CreateOffer())
    callee.take(m.AnswerOffer(offer))
    assert callee.take(m.AnswerRestart(offer)) == ([], [m.Kept()], [])


def test_old_answer_of_a_reconnecting_callee_is_kept():
    """Browsers reconnect with their local description, which for a callee is its answer."""
    side = gateway()
    side.take(m.CreateOffer())
    side.take(m.ApplyAnswer(ANSWER))
    assert side.take(m.AnswerRestart(ANSWER)) == ([], [m.Kept()], [])
    assert side.take(m.AnswerRestart(ANSWER.replace("Zt3k", "Zt3l"))) == ([], [m.Kept()], [])


def test_answer_of_another_session_is_refused():
    side = gateway()
    side.take(m.CreateOffer())
    side.take(m.ApplyAnswer(ANSWER))
    commands, (failed,), _ = side.take(m.AnswerRestart(ANSWER.replace("7B:8B", "7B:8C")))
    assert commands == []
    assert (failed.failure, failed.restart) == (m.Failure.REMOTE_DESCRIPTION, True)


def test_offer_repeated_gets_the_same_answer():
    side = gateway()
    first = side.describe(m.AnswerOffer(OFFER))
    assert side.take(m.AnswerOffer(OFFER)) == ([], [m.LocalAnswer(first, "pcmu")], [])


def test_offer_of_another_peer_is_answered_instead_of_ours():
    """An unanswered call that is forwarded: the second browser offers, the first one's answer is void."""
    side = gateway()
    side.take(m.CreateOffer())
    commands, reports, _ = side.take(m.AnswerOffer(OFFER))
    assert kinds(commands) == ["RestartLeg", "Negotiate"]
    assert kinds(reports) == ["LocalAnswer"]
    assert side.take(m.ApplyAnswer(ANSWER)) == ([], [], [])


def test_take_up_of_an_unanswered_offer_by_another_peer_is_limited_to_the_codecs_offered():
    """A connect token is used while the call rings: its bridge has a codec already."""
    side = gateway()
    side.take(m.CreateOffer(("opus",)))
    commands, (answer,), _ = side.take(m.AnswerRestart(OFFER))
    assert kinds(commands) == ["RestartLeg", "Negotiate"]
    assert (answer.restart, answer.codec) == (False, "opus")
    assert side.take(m.ApplyAnswer(ANSWER)) == ([], [], [])


def test_late_answer_of_the_peer_itself_is_applied_and_the_rest_kept():
    """The callee had accepted when its socket broke: it comes back with its answer."""
    side = gateway()
    side.take(m.CreateOffer())
    commands, reports, _ = side.take(m.AnswerRestart(ANSWER))
    assert kinds(commands) == ["Negotiate"]
    assert kinds(reports) == ["Applied", "Kept"]
    assert side.state.phase is Phase.ESTABLISHED


@pytest.mark.parametrize("sdp", ["nonsense", OFFER.replace("opus/48000/2", "g722/8000")])
def test_take_up_that_does_not_fit_leaves_the_offer_open(sdp):
    side = gateway()
    side.take(m.CreateOffer(("opus",)))
    commands, (failed,), _ = side.take(m.AnswerRestart(sdp))
    assert commands == []
    assert (failed.failure, failed.restart) == (m.Failure.REMOTE_DESCRIPTION, False)
    assert side.state.phase is Phase.OFFERED


def test_replaced_peer_keeps_the_codec_in_use():
    """The other leg of a bridge cannot follow a change of codec."""
    side = gateway()
    side.take(m.AnswerOffer(Side(IceRole.CONTROLLING, "DD").describe(m.CreateOffer(("opus",)))))
    _, (answer,), _ = side.take(m.AnswerRestart(OFFER))
    assert answer.codec == "opus"
    only_pcmu = Side(IceRole.CONTROLLING, "EE").describe(m.CreateOffer(("pcmu",)))
    assert side.take(m.AnswerRestart(only_pcmu))[1][0].codec == "pcmu"


def test_answer_that_was_not_asked_for_is_ignored():
    """Both `ringing` and `answer` may carry it; the second one is a repetition."""
    side = gateway()
    assert side.take(m.ApplyAnswer(ANSWER)) == ([], [], [])
    side.take(m.CreateOffer())
    side.take(m.ApplyAnswer(ANSWER))
    assert side.take(m.ApplyAnswer(ANSWER)) == ([], [], [])


def test_bitrate_wish_in_a_restart_does_not_begin_the_codec_anew():
    side = gateway()
    side.take(m.AnswerOffer(OFFER.replace(" 0 111 ", " 111 0 ")))
    restart = OFFER.replace(" 0 111 ", " 111 0 ").replace("aWuA", "bXvB")
    restart = restart.replace("useinbandfec=1", "useinbandfec=1;maxaveragebitrate=20000")
    assert kinds(side.take(m.AnswerRestart(restart))[0]) == ["RestartLeg", "RestartPeer"]


def test_codec_that_the_peer_gave_up_is_replaced_within_the_session():
    side = gateway()
    side.take(m.AnswerOffer(OFFER))
    restart = OFFER.replace(" 0 111 ", " 111 ").replace("aWuA", "bXvB")
    commands, (answer,), _ = side.take(m.AnswerRestart(restart))
    assert kinds(commands) == ["RestartLeg", "Negotiate"]
    assert commands[1].dtls is DtlsRole.SERVER
    assert answer.codec == "opus"


# --- what cannot be done --------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("prepare", "message", "failure", "restart"),
    [
        ([], m.AnswerOffer("nonsense"), m.Failure.REMOTE_DESCRIPTION, False),
        ([], m.AnswerRestart("nonsense"), m.Failure.REMOTE_DESCRIPTION, True),
        ([], m.CreateOffer(("speex",)), m.Failure.LOCAL_DESCRIPTION, False),
        ([], m.RestartIce(), m.Failure.LOCAL_DESCRIPTION, True),
        ([m.CreateOffer()], m.ApplyAnswer("nonsense"), m.Failure.REMOTE_DESCRIPTION, False),
        ([m.CreateOffer()], m.ApplyAnswer(OFFER), m.Failure.REMOTE_DESCRIPTION, False),
        ([m.CreateOffer(("opus",))], m.ApplyAnswer(ANSWER), m.Failure.REMOTE_DESCRIPTION, False),
        ([m.AnswerOffer(OFFER)], m.CreateOffer(), m.Failure.LOCAL_DESCRIPTION, False),
        ([m.AnswerOffer(OFFER), m.RestartIce()], m.ApplyAnswer(""), m.Failure.REMOTE_DESCRIPTION, True),
    ],
)
def test_failed_description_changes_nothing(prepare, message, failure, restart):
    side = gateway()
    for earlier in prepare:
        side.take(earlier)
    before = side.state
    commands, (report,), others = side.take(message)
    assert (commands, others) == ([], [])
    assert (report.failure, report.restart) == (failure, restart)
    assert side.state == before


def test_answer_that_fits_is_taken_after_one_that_did_not():
    side = gateway()
    side.take(m.CreateOffer())
    side.take(m.ApplyAnswer("nonsense"))
    assert side.take(m.ApplyAnswer(ANSWER))[1] == [m.Applied("pcmu")]


# --- what the leg sends and hears -----------------------------------------------------------------


def test_wishes_before_the_leg_is_open_are_kept_for_it():
    side = gateway()
    for wish in (
        m.Play(m.Tone(440.0)),
        m.ListenFor((600.0,)),
        m.Measure(m.Metering.LEVELS),
        m.SetMuted(True),
        m.SendDigits("1"),
    ):
        assert side.take(wish) == ([], [], [])
    commands, _, _ = side.take(m.AnswerOffer(OFFER))
    assert commands[1:5] == [
        e.Feed(side.leg, m.Tone(440.0)),
        e.Detect(side.leg, (600.0,)),
        e.MeasureLeg(side.leg, m.Metering.LEVELS),
        e.MuteLeg(side.leg, True),
    ]
    assert kinds(commands) == ["OpenLeg", "Feed", "Detect", "MeasureLeg", "MuteLeg", "Negotiate"]


def test_wishes_for_an_open_leg_take_effect_at_once():
    side = gateway()
    side.take(m.CreateOffer())
    assert side.take(m.Play(m.Silence()))[0] == [e.Feed(side.leg, m.Silence())]
    assert side.take(m.ListenFor(()))[0] == [e.Detect(side.leg, ())]
    for metering in m.Metering:
        assert side.take(m.Measure(metering))[0] == [e.MeasureLeg(side.leg, metering)]
    assert side.take(m.SetMuted(False))[0] == [e.MuteLeg(side.leg, False)]
    assert side.take(m.SendDigits("12w3"))[0] == [e.InsertDigits(side.leg, "12w3")]


def test_what_the_engine_tells_is_reported():
    _, side = established()
    leg = side.leg
    counters = e.LegCounters(leg, 5.0, 1, 2, 3, 4, 5, 6.0, None, 7, 8)
    assert side.take(counters)[1] == [m.Counters(5.0, 1, 2, 3, 4, 5, 6.0, None, "pcmu", 7, 8)]
    assert side.take(e.LegToneHeard(leg, 440.0))[1] == [m.ToneHeard(440.0)]
    assert side.take(e.LegToneGone(leg, 440.0))[1] == [m.ToneGone(440.0)]
    assert side.take(e.LegDigit(leg, "5", 160))[1] == [m.DigitReceived("5", 160)]
    assert side.take(e.LegPlaybackEnded(leg))[1] == [m.PlaybackEnded()]


# --- losing the path and having it back -----------------------------------------------------------


def test_first_media_is_told_once():
    side = gateway()
    side.take(m.AnswerOffer(OFFER))
    assert side.take(e.PathUp(side.leg)) == ([], [m.Flowing()], [])
    assert side.take(e.PathUp(side.leg)) == ([], [], [])


def test_lost_path_is_raised_once():
    _, side = established()
    assert side.take(e.PathLost(side.leg, 2.0)) == ([], [], [RaiseLost(2.0)])
    assert side.take(e.PathLost(side.leg, 2.0)) == ([], [], [])


def test_incarnation_before_any_leg_is_ready_at_once():
    assert gateway().attach() == ([], [], [BecomeReady()])


@pytest.mark.parametrize("flowing", [True, False])
def test_crashed_incarnation_whose_leg_is_well_is_followed_by_one_ready_at_once(flowing):
    side = gateway()
    side.take(m.AnswerOffer(OFFER))
    if flowing:
        side.take(e.PathUp(side.leg))
    assert side.attach() == ([e.Probe(side.leg)], [], [])
    assert side.status(is_flowing=flowing) == ([], [], [BecomeReady()])


def test_first_media_during_a_crash_is_told_by_the_next_incarnation():
    side = gateway()
    side.take(m.AnswerOffer(OFFER))
    side.attach()
    assert side.status(is_flowing=True) == ([], [m.Flowing()], [BecomeReady()])


def test_incarnation_with_a_lost_path_is_ready_when_the_path_is_back():
    _, side = established()
    side.take(e.PathLost(side.leg, 2.0))
    side.attach()
    assert side.status() == ([], [], [])
    assert side.take(e.PathLost(side.leg, 2.0)) == ([], [], [])
    assert side.take(e.PathUp(side.leg)) == ([], [], [BecomeReady()])
    assert side.take(e.PathLost(side.leg, 2.0)) == ([], [], [RaiseLost(2.0)])


def test_path_that_never_was_and_is_given_up_is_waited_for():
    """No media within the engine's time: ready would be a lie until there is some."""
    side = gateway()
    side.take(m.AnswerOffer(OFFER))
    assert side.take(e.PathLost(side.leg, 8.0))[2] == [RaiseLost(8.0)]
    side.attach()
    assert side.status() == ([], [], [])
    assert side.take(e.PathUp(side.leg)) == ([], [m.Flowing()], [BecomeReady()])


def test_waiting_incarnation_still_negotiates():
    caller, callee = map(lost, established())
    offer = caller.describe(m.RestartIce())
    commands, (answer,), others = callee.take(m.AnswerRestart(offer))
    assert kinds(commands) == ["RestartLeg", "RestartPeer"]
    assert others == []
    assert kinds(caller.take(m.ApplyAnswer(answer.sdp))[0]) == ["RestartPeer"]
    for side in (caller, callee):
        assert side.take(e.PathUp(side.leg))[2] == [BecomeReady()]


def test_new_media_session_while_waiting_is_not_ready_before_it_flows():
    _, callee = established()
    lost(callee)
    callee.take(m.AnswerRestart(OFFER))
    callee.attach()
    assert callee.status()[2] == []
    assert callee.take(e.PathUp(callee.leg)) == ([], [m.Flowing()], [BecomeReady()])


# --- an engine that was replaced ------------------------------------------------------------------


def test_unanswered_offer_outlives_its_engine():
    side = gateway()
    offer = parse_description_untrusted(side.describe(m.CreateOffer()))
    side.attach()
    commands, _, others = side.status(is_open=False)
    assert commands == [e.OpenLeg(side.leg, IceRole.LITE, offer.ice)]
    assert others == [BecomeReady()]


def test_lost_leg_is_opened_again_with_all_wishes_and_waits():
    _, side = established()
    side.take(m.Play(m.Tone(500.0)))
    before = side.state.local
    side.attach()
    commands, reports, others = side.status(is_open=False)
    assert kinds(commands) == ["OpenLeg", "Feed"]
    assert commands[0].local != before
    assert (reports, others) == ([], [])


def test_engine_that_vanishes_under_a_ready_incarnation_is_a_lost_path():
    _, side = established()
    assert side.status(is_open=False)[2] == [RaiseLost(0.0)]


def test_restart_after_the_engine_was_replaced_negotiates_in_full():
    caller, callee = map(lost, established())
    for side in (caller, callee):
        side.attach()
        side.status(is_open=False)
    commands, (answer,), _ = callee.take(m.AnswerRestart(caller.describe(m.RestartIce())))
    assert kinds(commands) == ["RestartLeg", "Negotiate"]
    assert kinds(caller.take(m.ApplyAnswer(answer.sdp))[0]) == ["Negotiate"]
    for side in (caller, callee):
        assert side.take(e.PathUp(side.leg))[1:] == ([m.Flowing()], [BecomeReady()])


def test_restart_offer_under_way_outlives_its_engine():
    caller, callee = established()
    sdp = caller.describe(m.RestartIce())
    offered = caller.state.reoffered
    caller.attach()
    assert caller.status(is_open=False)[0][0] == e.OpenLeg(caller.leg, IceRole.CONTROLLING, offered)
    commands, _, _ = caller.take(m.ApplyAnswer(callee.describe(m.AnswerRestart(sdp))))
    assert kinds(commands) == ["Negotiate"]


def test_even_unchanged_credentials_are_answered_after_the_engine_was_replaced():
    side = gateway()
    side.take(m.AnswerOffer(OFFER))
    side.attach()
    side.status(is_open=False)
    assert kinds(side.take(m.AnswerRestart(OFFER))[1]) == ["LocalAnswer"]


def test_clip_that_has_ended_is_not_played_again():
    _, side = established()
    side.take(m.Play(m.Clip("prompt.wav")))
    side.take(e.LegPlaybackEnded(side.leg))
    side.attach()
    assert side.status(is_open=False)[0][1] == e.Feed(side.leg, m.Silence())


# --- the end --------------------------------------------------------------------------------------


def test_closing_closes_the_leg_and_ends_everything():
    _, side = established()
    assert side.take(m.CloseMedia()) == ([e.CloseLeg(side.leg)], [], [])
    for message in (m.AnswerOffer(OFFER), m.RestartIce(), m.CloseMedia(), e.PathLost(side.leg, 2.0)):
        assert side.take(message) == ([], [], [])
    assert side.attach() == ([e.CloseLeg(side.leg)], [], [BecomeReady()])


LEG = LegId("LAA")
MESSAGES = st.sampled_from(
    [
        Attached(fingerprint("AA"), (CANDIDATE,)),
        m.CreateOffer(),
        m.CreateOffer(("opus",)),
        m.AnswerOffer(OFFER),
        m.AnswerOffer(OFFER.replace("aWuA", "bXvB")),
        m.AnswerOffer(OFFER.replace("7B:8B", "7B:8C")),
        m.ApplyAnswer(ANSWER),
        m.RestartIce(),
        m.AnswerRestart(OFFER),
        m.AnswerRestart(OFFER.replace("aWuA", "cYwC")),
        m.AnswerRestart(ANSWER),
        m.Play(m.Silence()),
        m.CloseMedia(),
        e.PathUp(LEG),
        e.PathLost(LEG, 2.0),
        e.LegStatus(LEG, is_open=True, is_flowing=True),
        e.LegStatus(LEG, is_open=True, is_flowing=False),
        e.LegStatus(LEG, is_open=False, is_flowing=False),
    ]
)


@settings(max_examples=60)
@given(st.lists(MESSAGES, max_size=25))
def test_invariants_hold_in_any_order(messages):
    """No engine command before the leg is open; a session exactly when established; a restart is one."""
    side = gateway()
    is_open, ufrags = False, []
    for message in messages:
        was_flowing = side.state.has_flowed
        commands, reports, others = side.take(message)
        for command in commands:
            assert is_open or isinstance(command, e.OpenLeg | e.CloseLeg | e.Probe)
            is_open |= isinstance(command, e.OpenLeg)
            if isinstance(command, e.RestartLeg):
                assert command.local.ufrag not in ufrags
            if isinstance(command, e.OpenLeg | e.RestartLeg):
                ufrags.append(command.local.ufrag)
        state = side.state
        assert (state.session is None) <= (state.phase in (Phase.NEW, Phase.OFFERED, Phase.CLOSED))
        assert (state.reoffered is not None) == (
            state.phase is Phase.REOFFERED
        ) or state.phase is Phase.CLOSED
        assert m.Flowing() not in reports or not was_flowing
        assert not (state.is_waiting and BecomeReady() in others)
        answers = [report for report in reports if isinstance(report, m.LocalAnswer)]
        assert all(parse_description_untrusted(answer.sdp).ice == state.local for answer in answers)
