"""Descriptions: what is read of other people's, and what ours look like to an independent reader."""

from dataclasses import replace
from pathlib import Path

import aiortc.sdp
import pytest
from hypothesis import given
from hypothesis import strategies as st

from actors.media.description import (
    OFFERED_PAYLOAD_TYPES,
    OWN_LAYOUT,
    DescriptionError,
    Direction,
    Kind,
    Setup,
    choose_codec,
    choose_dtls_role,
)
from actors.media.engine_messages import Candidate, Codec, DtlsRole, IceCredentials, IceRole
from actors.media.header_extension import AUDIO_LEVEL, Extension
from actors.media.sdp import MAX_CANDIDATES, MAX_SDP_BYTES, parse_description_untrusted
from actors.media.sdp_write import LocalSession, write_answer, write_offer, write_reoffer

pytestmark = pytest.mark.pure

DATA = Path(__file__).parents[1] / "data"
NAMES = sorted(path.stem for path in DATA.glob("*.sdp"))
FINGERPRINT = ":".join(["AB"] * 32)
CREDENTIALS = IceCredentials("ourufrag", "ourpasswordourpasswordour")
GATEWAY = LocalSession(4711, 1, CREDENTIALS, FINGERPRINT, (Candidate("192.0.2.1", 40000),), is_lite=True)
CLIENT = LocalSession(4711, 1, CREDENTIALS, FINGERPRINT)


def read(name):
    return (DATA / f"{name}.sdp").read_bytes().decode()


OFFER = read("chromium_offer")


def change(old, new, sdp=OFFER):
    assert old in sdp
    return sdp.replace(old, new)


# --- reading ------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", NAMES)
def test_real_descriptions_are_understood(name):
    remote = parse_description_untrusted(read(name), Kind.ANSWER if "answer" in name else Kind.OFFER)
    assert remote.kind is (Kind.ANSWER if "answer" in name else Kind.OFFER)
    assert choose_codec(remote).name in ("opus", "pcmu")


def test_chromium_offer_is_read_in_full():
    remote = parse_description_untrusted(OFFER)
    assert remote.ice == IceCredentials("aWuA", "q7zqGmYV8sWk0T5p9nJ3cL1x")
    assert remote.fingerprint.startswith("7B:8B:F0")
    assert remote.setup is Setup.ACTPASS
    assert remote.direction is Direction.SENDRECV
    assert [codec.name for codec in remote.codecs] == ["pcmu", "opus", "g722", "pcma"]
    assert remote.telephone_events == {48000: 110, 8000: 126}
    assert (remote.layout.mid, remote.layout.is_bundled, remote.candidates) == ("0", True, ())
    assert not remote.is_lite


def test_bitrate_behind_the_carriage_return_is_read():
    """The browser package splits at LF only, so its addition lands between CR and LF."""
    remote = parse_description_untrusted(read("chromium_offer_bitrate"))
    assert choose_codec(remote).fmtp == "minptime=10;useinbandfec=1;maxaveragebitrate=20000"


def test_line_feeds_alone_are_read():
    assert parse_description_untrusted(OFFER.replace("\r\n", "\n")) == parse_description_untrusted(OFFER)


def test_only_usable_candidates_are_kept():
    """TCP, names that only the browser's own network can resolve, and a second component are not."""
    candidates = parse_description_untrusted(read("firefox_offer_with_video")).candidates
    assert [(candidate.host, candidate.port) for candidate in candidates] == [
        ("198.51.100.20", 51322),
        ("2001:db8::5", 61000),
    ]


@pytest.mark.parametrize("host", ["224.0.0.1", "0.0.0.0", "fe80::1%eth0", "localhost", "::", "1.2.3"])
def test_candidates_that_are_no_peer_address_are_ignored(host):
    sdp = change("a=setup:", f"a=candidate:1 1 udp 1 {host} 9000 typ host\r\na=setup:")
    assert parse_description_untrusted(sdp).candidates == ()


def test_session_level_attributes_count():
    moved = ["a=setup:actpass\r\n", "a=ice-ufrag:aWuA\r\n", "a=ice-pwd:q7zqGmYV8sWk0T5p9nJ3cL1x\r\n"]
    sdp = OFFER
    for line in moved:
        sdp = change(line, "", sdp)
    sdp = change("t=0 0\r\n", "t=0 0\r\n" + "".join(moved), sdp)
    assert parse_description_untrusted(sdp) == parse_description_untrusted(OFFER)


def test_lite_peer_is_recognised():
    assert parse_description_untrusted(change("t=0 0", "t=0 0\r\na=ice-lite")).is_lite


def test_first_audio_section_with_a_port_counts():
    audio = OFFER[OFFER.index("m=audio") :]
    first = change("m=audio 9 ", "m=audio 0 ", change("a=mid:0", "a=mid:1", audio))
    remote = parse_description_untrusted(OFFER[: OFFER.index("m=audio")] + first + audio)
    assert remote.layout.audio == 1
    assert remote.layout.mid == "0"


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("v=0", "v=1", "not a session"),
        ("m=audio 9", "m=audio 0", "no audio"),
        ("m=audio 9", "m=video 9", "no audio"),
        ("m=audio 9", "m=audio nine", "malformed m-line"),
        ("UDP/TLS/RTP/SAVPF", "RTP/AVP", "without DTLS-SRTP"),
        ("a=rtcp-mux", "a=nothing", "multiplexed"),
        ("sha-256 7B", "sha-1 7B", "not a SHA-256"),
        ("sha-256 7B:", "sha-256 ", "not a SHA-256"),
        ("a=fingerprint", "a=nothing", "no certificate"),
        ("a=setup:actpass", "a=setup:holdconn", "a=setup"),
        ("a=ice-ufrag:aWuA", "a=ice-ufrag:a", "ICE credentials"),
        ("a=ice-pwd", "a=nothing", "ICE credentials"),
        ("a=mid:0", "a=mid:" + "0" * 65, "a=mid"),
        ("a=rtcp-mux", "a=fmtp:111 " + "x" * 1025, "fmtp"),
        ("a=rtcp-mux", "a=candidate:1\r\n" * (MAX_CANDIDATES + 1), "candidates"),
        ("a=rtcp-mux", "m=video 9 x 1\r\n" * 4, "media sections"),
        ("a=rtcp-mux", "a=" + "x" * MAX_SDP_BYTES, "bytes"),
    ],
)
def test_unusable_description_says_why_and_tells_no_secret(old, new, words):
    sdp = change(old, new)
    if "rtcp-mux" in old and words != "multiplexed":
        sdp += "a=rtcp-mux\r\n"
    with pytest.raises(DescriptionError, match=words) as caught:
        parse_description_untrusted(sdp)
    assert "q7zqGmYV8sWk0T5p9nJ3cL1x" not in str(caught.value)


def test_answer_must_decide_the_dtls_role():
    with pytest.raises(DescriptionError, match="who begins DTLS"):
        parse_description_untrusted(OFFER, Kind.ANSWER)


def test_offer_without_setup_leaves_the_role_open():
    assert parse_description_untrusted(change("a=setup:actpass\r\n", ""), Kind.OFFER).setup is Setup.ACTPASS


def test_unknown_codecs_alone_are_nothing_in_common():
    remote = parse_description_untrusted(change("SAVPF 0 111 63 9 8", "SAVPF 63 13"))
    with pytest.raises(DescriptionError, match="no codec"):
        choose_codec(remote)


LINES = st.lists(st.sampled_from(OFFER.split("\r\n")), max_size=40).map("\r\n".join)
EDITS = st.lists(st.tuples(st.integers(0, len(OFFER)), st.integers(0, 20), st.text(max_size=8)), max_size=6)


def parse_or_refuse(sdp):
    for kind in (None, *Kind):
        try:
            remote = parse_description_untrusted(sdp, kind)
            codec = choose_codec(remote)
        except DescriptionError:
            continue
        answer = write_answer(GATEWAY, remote, codec, DtlsRole.SERVER)
        assert len(parse_description_untrusted(answer).layout.sections) == len(remote.layout.sections)


@given(st.one_of(st.text(), LINES.map(lambda lines: "v=0\r\n" + lines)))
def test_any_text_is_parsed_or_refused(sdp):
    parse_or_refuse(sdp)


@given(EDITS)
def test_damaged_offer_is_parsed_or_refused_and_its_answer_is_well_formed(edits):
    sdp = OFFER
    for at, cut, text in edits:
        sdp = sdp[:at] + text + sdp[at + cut :]
    parse_or_refuse(sdp)


# --- choosing -----------------------------------------------------------------------------------


def test_first_codec_of_the_peer_wins_within_what_is_allowed():
    remote = parse_description_untrusted(OFFER)
    assert choose_codec(remote) == Codec("pcmu", 8000, 0, 0, 1, 126)
    opus = Codec("opus", 48000, 111, 111, 2, 110, "minptime=10;useinbandfec=1")
    assert choose_codec(remote, ("pcma", "opus")) == opus


def test_answer_may_use_other_payload_types_than_our_offer():
    remote = parse_description_untrusted(read("firefox_offer_with_video"))
    codec = choose_codec(remote, ("opus",), OFFERED_PAYLOAD_TYPES)
    assert (codec.payload_type, codec.receive_payload_type, codec.dtmf_payload_type) == (109, 111, None)


@pytest.mark.parametrize(
    ("setup", "role", "ours"),
    [
        (Setup.ACTPASS, IceRole.LITE, DtlsRole.SERVER),
        (Setup.ACTPASS, IceRole.CONTROLLING, DtlsRole.CLIENT),
        (Setup.ACTIVE, IceRole.CONTROLLING, DtlsRole.SERVER),
        (Setup.PASSIVE, IceRole.LITE, DtlsRole.CLIENT),
    ],
)
def test_dtls_role_follows_setup(setup, role, ours):
    assert choose_dtls_role(replace(parse_description_untrusted(OFFER), setup=setup), role) is ours


# --- writing ------------------------------------------------------------------------------------


def test_gateway_offer_is_understood_by_aiortc():
    sdp = write_offer(GATEWAY, ("opus", "pcmu", "pcma"))
    session = aiortc.sdp.SessionDescription.parse(sdp)
    (media,) = session.media
    assert media.ice.iceLite
    assert media.ice.usernameFragment == "ourufrag"
    assert media.ice_candidates_complete
    assert [(found.ip, found.port, found.type) for found in media.ice_candidates] == [
        ("192.0.2.1", 40000, "host")
    ]
    assert media.dtls.role == "auto"
    assert media.dtls.fingerprints[0].value == FINGERPRINT
    assert [(codec.mimeType, codec.payloadType) for codec in media.rtp.codecs] == [
        ("audio/opus", 111),
        ("audio/PCMU", 0),
        ("audio/PCMA", 8),
        ("audio/telephone-event", 110),
        ("audio/telephone-event", 126),
    ]
    assert [str(group) for group in session.group] == ["BUNDLE 0"]


def test_client_offer_names_no_candidate():
    """Whoever sees the client's checks learns where it is; its addresses stay its own."""
    sdp = write_offer(CLIENT, ("pcmu",))
    assert "candidate" not in sdp
    assert "ice-lite" not in sdp
    assert "trickle" not in sdp
    assert "m=audio 9 UDP/TLS/RTP/SAVPF 0 126\r\nc=IN IP4 0.0.0.0\r\n" in sdp


def test_every_line_ends_as_browsers_need_it():
    sdp = write_offer(GATEWAY, ("pcmu", "opus"))
    assert sdp.endswith("\r\n")
    assert sdp.count("\n") == sdp.count("\r\n") == len(sdp.splitlines())


@pytest.mark.parametrize(
    ("codec", "event"), [("opus", "110 telephone-event/48000"), ("pcmu", "126 telephone-event/8000")]
)
def test_answer_has_one_telephone_event_at_the_codecs_clock(codec, event):
    remote = parse_description_untrusted(OFFER)
    sdp = write_answer(GATEWAY, remote, choose_codec(remote, (codec,)), DtlsRole.SERVER)
    assert sdp.count("telephone-event") == 1
    assert f"a=rtpmap:{event}\r\n" in sdp
    assert "a=setup:passive\r\n" in sdp
    assert parse_description_untrusted(sdp, Kind.ANSWER).is_lite


@pytest.mark.parametrize("name", ["firefox_offer_with_video", "aiortc_offer_with_data"])
def test_other_sections_are_rejected_in_their_place(name):
    remote = parse_description_untrusted(read(name))
    sdp = write_answer(CLIENT, remote, choose_codec(remote), DtlsRole.CLIENT)
    session = aiortc.sdp.SessionDescription.parse(sdp)
    assert [(media.rtp.muxId, media.port) for media in session.media] == [("0", 9), ("1", 0)]
    assert [str(group) for group in session.group] == ["BUNDLE 0"]
    assert "a=setup:active\r\n" in sdp


def test_peer_that_does_not_bundle_is_not_bundled():
    remote = parse_description_untrusted(change("a=group:BUNDLE 0\r\n", "", change("a=mid:0\r\n", "")))
    sdp = write_answer(GATEWAY, remote, choose_codec(remote), DtlsRole.SERVER)
    assert "BUNDLE" not in sdp
    assert "a=mid" not in sdp


@pytest.mark.parametrize(
    ("theirs", "ours"),
    [("sendrecv", "sendrecv"), ("sendonly", "recvonly"), ("recvonly", "sendonly"), ("inactive", "inactive")],
)
def test_direction_is_mirrored(theirs, ours):
    remote = parse_description_untrusted(change("a=sendrecv", f"a={theirs}"))
    assert f"\r\na={ours}\r\n" in write_answer(GATEWAY, remote, choose_codec(remote), DtlsRole.SERVER)


def test_reoffer_holds_nothing_but_what_was_agreed():
    remote = parse_description_untrusted(read("firefox_offer_with_video"))
    sdp = write_reoffer(replace(CLIENT, version=2), remote.layout, choose_codec(remote))
    again = parse_description_untrusted(sdp, Kind.OFFER)
    assert [codec.payload_type for codec in again.codecs] == [109]
    assert [section.mid for section in again.layout.sections] == ["0", "1"]
    assert "o=- 4711 2 IN" in sdp


@given(st.permutations(["opus", "pcmu", "pcma"]), st.integers(1, 3))
def test_what_we_write_we_read(order, count):
    names = tuple(order[:count])
    remote = parse_description_untrusted(write_offer(GATEWAY, names))
    assert tuple(codec.name for codec in remote.codecs) == names
    assert (remote.ice, remote.fingerprint, remote.candidates) == (
        CREDENTIALS,
        FINGERPRINT,
        GATEWAY.candidates,
    )


def test_candidate_of_ipv6_is_the_default_address_too():
    sdp = write_offer(replace(GATEWAY, candidates=(Candidate("2001:db8::1", 40000),)), ("pcmu",))
    assert "m=audio 40000 UDP/TLS/RTP/SAVPF 0 126\r\nc=IN IP6 2001:db8::1\r\n" in sdp


def test_nothing_shown_holds_a_password():
    remote = parse_description_untrusted(OFFER)
    assert remote.ice.pwd not in repr(remote)
    assert CREDENTIALS.pwd not in repr(GATEWAY)


def test_header_extensions_are_answered_under_the_peers_numbers():
    """We read them and send none. MID is left out: once it is agreed on, Chromium drops packets without."""
    remote = parse_description_untrusted(OFFER)
    assert remote.layout.extensions == (Extension(1, AUDIO_LEVEL),)
    sdp = write_answer(GATEWAY, remote, choose_codec(remote), DtlsRole.SERVER)
    assert [line for line in sdp.splitlines() if "extmap" in line] == [f"a=extmap:1/recvonly {AUDIO_LEVEL}"]
    media = aiortc.sdp.SessionDescription.parse(sdp).media[0]
    assert [(known.id, known.uri) for known in media.rtp.headerExtensions] == [(1, AUDIO_LEVEL)]


@pytest.mark.parametrize(
    ("line", "number"),
    [
        (f"a=extmap:7 {AUDIO_LEVEL}", 7),
        (f"a=extmap:7/sendrecv {AUDIO_LEVEL} vad=on", 7),
        (f"a=extmap:7/sendonly {AUDIO_LEVEL}", 7),
        (f"a=extmap:7/recvonly {AUDIO_LEVEL}", None),
        (f"a=extmap:7/inactive {AUDIO_LEVEL}", None),
        (f"a=extmap:15 {AUDIO_LEVEL}", None),
        (f"a=extmap:0 {AUDIO_LEVEL}", None),
        (f"a=extmap:4 {AUDIO_LEVEL}\r\na=extmap:7 {AUDIO_LEVEL}", 4),
        (f"a=extmap:7 urn:other\r\na=extmap:7 {AUDIO_LEVEL}", 7),
        (f"a=extmap:{AUDIO_LEVEL}", None),
    ],
)
def test_only_what_the_peer_sends_counts(line, number):
    sdp = change(f"a=extmap:1 {AUDIO_LEVEL}", line, OFFER)
    assert parse_description_untrusted(sdp).layout.level_extension == number


def test_reoffer_repeats_the_extensions_that_were_agreed_on():
    """Both under the peer's numbers, and after an answer that has taken one of ours."""
    remote = parse_description_untrusted(OFFER)
    sdp = write_reoffer(GATEWAY, remote.layout, choose_codec(remote))
    assert sdp.count("a=extmap:") == 1
    offer = write_offer(GATEWAY, ("pcmu",))
    assert offer.count("a=extmap:") == 1
    answer = parse_description_untrusted(change("a=setup:actpass", "a=setup:active"), Kind.ANSWER)
    without = replace(answer.layout, extensions=())
    assert OWN_LAYOUT.agreed(answer.layout) == OWN_LAYOUT
    assert OWN_LAYOUT.agreed(without).extensions == ()
    renumbered = replace(answer.layout, extensions=(Extension(2, AUDIO_LEVEL),))
    assert OWN_LAYOUT.agreed(renumbered).level_extension is None
