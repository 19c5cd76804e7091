"""Where we mean to differ from the SDK; a test fails for an entry that is not true any more."""

from tests.e2e.differential.difference import Difference, Instead, Repeated, Worded
from tests.e2e.differential.party import DEVICE

LOST = "reconnecting(<ConnectionDisconnected 53001>) while reconnecting"
NOT_REACHED = "error(<ConnectionError 31005>) while unregistered"
UNKNOWN = "error(<UnknownError 31000>) while unregistered"
NOT_SENT = "error(<TransportError 31009>) while unregistered"
CANCEL = "cancel() while closed"
LATE = "{content: 'late', messageType: 'user-defined-message', voiceEventSid: <VoiceEventSid>}"
CUT = (
    "comes_back_too_late",
    "hangs_up_without_a_socket",
    "loses_the_socket_in_a_call_that_it_placed",
    "loses_the_socket_in_a_call_that_it_took",
    "sends_a_message_without_a_socket",
)
RECOVERED = (
    "has_a_socket_that_stalls",
    "loses_the_socket_in_a_call_that_it_placed",
    "loses_the_socket_in_a_call_that_it_took",
    "loses_the_socket_twice",
    "sends_a_message_without_a_socket",
)

CALLS: tuple[Difference, ...] = (
    Worded(
        ("hangs_up_a_call_to_the_echo", "takes_a_call_and_hangs_up"),
        sdk="codec('PCMU')",
        ours="codec('pcmu')",
        why="the SDK's documentation has lower-case names",
    ),
    Instead(
        ("ignores_a_call",),
        sdk=("ignore() returned() while closed",),
        ours=(CANCEL, "ignore() returned() while closed"),
        why="the SDK's documentation: `cancel` is emitted at ignore()",
    ),
    Instead(
        ("ignores_a_call",),
        sdk=("disconnect() returned() while closed", CANCEL),
        ours=("disconnect() returned() while closed",),
        why="it was told at ignore() already",
    ),
    Instead(
        ("places_a_call_while_it_rings",),
        sdk=(),
        ours=(CANCEL,),
        why="the SDK's documentation: `cancel` is emitted at ignore(), which connect() does to what rings",
    ),
    Instead(
        ("hangs_up_a_call_that_rings",),
        sdk=("direction('INCOMING') while pending", CANCEL),
        ours=(CANCEL, "direction('INCOMING') while closed"),
        why="the SDK forgets what rings at disconnectAll(), and it stays pending; we ignore it",
    ),
    Instead(
        ("mutes_and_unmutes",),
        sdk=("mute(true, <call 1>) while closed", "mute() returned() while closed"),
        ours=("mute() returned() while closed",),
        why="nothing is emitted after the end of a call",
    ),
    Instead(
        ("mutes_and_unmutes",),
        sdk=("mute(false, <call 1>) while closed", "mute() returned() while closed"),
        ours=("mute() returned() while closed",),
        why="nothing is emitted after the end of a call",
    ),
    Instead(
        ("sends_a_message_after_the_end",),
        sdk=("sendMessage() returned(<VoiceEventSid>) while closed",),
        ours=("sendMessage() raised(<InvalidStateError>) while closed",),
        why="nobody would ever get it, and neither `messageSent` nor `error` would follow",
    ),
    Instead(
        ("sends_digits_without_media",),
        sdk=("sendDigits() returned() while ringing",),
        ours=("sendDigits() raised(<InvalidStateError>) while ringing",),
        why="before there is media the SDK crashes, or says digits to nobody",
    ),
)

OUTAGES: tuple[Difference, ...] = (
    Repeated(
        CUT,
        sdk=frozenset({LOST}),
        told=LOST,
        until="reconnected",
        why="the SDK tells of each attempt that failed; we tell of the outage",
    ),
    Repeated(
        CUT,
        sdk=frozenset({NOT_REACHED, UNKNOWN, NOT_SENT}),
        told=NOT_REACHED,
        until="registering",
        of=DEVICE,
        why="of each attempt the SDK tells two errors and we tell one; what is queued is no error with us",
    ),
    Worded(
        RECOVERED,
        sdk="reconnected() while reconnecting",
        ours="reconnected() while open",
        why="a handler of `reconnected` may use the call",
    ),
    Instead(
        ("sends_a_message_without_a_socket",),
        sdk=(f"messageSent({LATE}) while reconnecting", "reconnected() while open"),
        ours=("reconnected() while open", f"messageSent({LATE}) while open"),
        why="the SDK sends what is queued before the gateway accepted it again; we resume the call before",
    ),
    Instead(
        ("loses_its_media_for_good",),
        sdk=("disconnect(<call 1>) while closed", "error(<ConnectionError 53405>) while closed"),
        ours=("error(<ConnectionError 53405>) while reconnecting", "disconnect(<call 1>) while closed"),
        why="an error comes before the end that it causes, as it does everywhere else",
    ),
    Instead(
        ("loses_the_socket_while_the_far_side_rings",),
        sdk=("ringing(false) while ringing",),
        ours=(
            "ringing(false) while ringing",
            "error(<ConnectionDisconnected 53001>) while ringing",
            "disconnect(<call 1>) while closed",
        ),
        why="the SDK closes it without a word",
    ),
    Worded(
        ("loses_the_socket_while_the_far_side_rings",),
        sdk="isBusy: true",
        ours="isBusy: false",
        of=DEVICE,
        why="the SDK stays busy for ever",
    ),
    Instead(
        ("loses_the_socket_while_it_rings",),
        sdk=(LOST,),
        ours=(CANCEL,),
        why="the SDK's call can never be accepted again",
    ),
)

REGISTRATION: tuple[Difference, ...] = (
    Worded(
        ("has_a_token_of_another_secret",),
        sdk="register() raised()",
        ours="register() raised(<ConnectionError 53000>)",
        of=DEVICE,
        why="the SDK raises undefined; we raise the reason",
    ),
    Worded(
        ("has_a_token_of_another_secret_and_wants_precise_errors",),
        sdk="register() raised()",
        ours="register() raised(<AccessTokenSignatureValidationFailed 31202>)",
        of=DEVICE,
        why="the SDK raises undefined; we raise the reason",
    ),
    Worded(
        ("has_a_token_that_is_none", "places_a_call_with_a_token_that_is_none"),
        sdk="() raised()",
        ours="() raised(<AccessTokenInvalid 20101>)",
        of=DEVICE,
        why="the SDK raises undefined; we raise the reason",
    ),
    Instead(
        ("has_an_expired_token_and_gets_a_new_one",),
        sdk=(
            "updateToken() returned() while registering",
            "registered() while registered",
            "register() returned() while registered",
        ),
        ours=(
            "unregistered() while unregistered",
            "register() raised(<AccessTokenExpired 20104>) while unregistered",
            "updateToken() returned() while unregistered",
            "registering() while registering",
            "registered() while registered",
        ),
        of=DEVICE,
        why="the SDK's register() says nothing until there is a better token; ours says why it has to wait",
    ),
)

INTENDED = CALLS + OUTAGES + REGISTRATION
