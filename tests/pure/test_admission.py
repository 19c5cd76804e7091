"""Which calls and call messages of clients are let in."""

import pytest

from actors.errors import ClientErrors
from actors.gateway import admission, message_policy
from actors.gateway.admission import CallLimits, Load
from actors.gateway.message_policy import MessagePolicy
from actors.signaling.messages import UserMessage
from actors.signaling.params import decode_params_untrusted, encode_params

pytestmark = pytest.mark.pure

LIMITS = CallLimits(max_calls=10, max_calls_per_identity=2, calls_per_second=3.0)
IDLE = Load(0, 0, is_draining=False)
POLICY = MessagePolicy(max_bytes=20, per_second=1.0, burst=2.0, types=frozenset({"greeting"}))


def refusal(load: Load = IDLE, *, may_dial: bool = True) -> tuple[int, float | None] | None:
    _, refused = admission.admit(LIMITS, admission.begin(LIMITS, 0.0), load, 0.0, may_dial=may_dial)
    return (refused.error.code, refused.retry_after) if refused else None


def test_a_call_below_all_limits_is_let_in() -> None:
    assert refusal(Load(9, 1, is_draining=False)) is None


def test_a_client_at_its_own_limit_is_not_told_to_try_again() -> None:
    assert refusal(Load(2, 2, is_draining=False)) == (31206, None)


@pytest.mark.parametrize("load", [Load(10, 0, is_draining=False), Load(0, 0, is_draining=True)])
def test_a_server_that_cannot_says_when_to_try_again(load: Load) -> None:
    assert refusal(load) == (31206, admission.RETRY_SECONDS)


def test_a_token_without_outgoing_grant_is_not_authorised() -> None:
    assert refusal(may_dial=False) == (31201, None)


def test_custom_parameters_may_have_so_many_bytes_names_included() -> None:
    room = admission.MAX_PARAMETER_BYTES - len("ключ".encode())
    assert admission.check_parameters({"ключ": "x" * room}) is None
    refused = admission.check_parameters({"ключ": "x" * (room - 1), "y": "z"})
    assert refused is not None
    assert (refused.error.code, refused.retry_after) == (31103, None)


def test_custom_parameters_at_their_limit_can_be_passed_on() -> None:
    """Else they would end the call of whoever dials a client with them."""
    longest = {"a": "я" * (admission.MAX_PARAMETER_BYTES // 2 - 1)}
    assert admission.check_parameters(longest) is None
    assert decode_params_untrusted(encode_params(longest)) == longest


def test_only_so_many_calls_begin_in_a_second_and_refused_ones_do_not_count() -> None:
    rate = admission.begin(LIMITS, 0.0)
    verdicts = []
    for now in (0.0, 0.0, 0.0, 0.0, 0.1, 0.4):
        rate, refused = admission.admit(LIMITS, rate, IDLE, now, may_dial=True)
        verdicts.append(refused is None)
    assert verdicts == [True, True, True, False, False, True]


def test_a_callee_at_its_limit_is_busy_and_a_full_server_unavailable() -> None:
    admission.admit_callee(LIMITS, Load(9, 1, is_draining=False))
    with pytest.raises(ClientErrors.BusyHere):
        admission.admit_callee(LIMITS, Load(9, 2, is_draining=False))
    for load in (Load(10, 0, is_draining=False), Load(0, 0, is_draining=True)):
        with pytest.raises(ClientErrors.TemporarilyUnavailable):
            admission.admit_callee(LIMITS, load)


# --- messages ---------------------------------------------------------------------------------------------


def fault(content: object, kind: str = "greeting", policy: MessagePolicy = POLICY) -> int | None:
    message = UserMessage(content, kind, "KX1")
    _, error = message_policy.judge(policy, message_policy.begin(policy, 0.0), message, 0.0)
    return error.code if error else None


@pytest.mark.parametrize(
    ("content", "code"),
    [
        ({"a": [1, True, None]}, None),
        ("x" * 18, None),
        ("x" * 19, 31212),
        ("é" * 10, 31212),
        (None, 31100),
        (False, None),
    ],
)
def test_content_is_measured_as_json(content: object, code: int | None) -> None:
    assert fault(content) == code


def test_only_types_in_use_are_taken_and_any_where_none_are_named() -> None:
    assert fault("x", "farewell") == 31210
    assert fault("x", "farewell", MessagePolicy()) is None
    assert fault("x", "", MessagePolicy()) == 31210


def test_only_so_many_messages_are_taken() -> None:
    rate = message_policy.begin(POLICY, 0.0)
    codes = []
    for now in (0.0, 0.0, 0.0, 1.0, 1.1):
        rate, error = message_policy.judge(POLICY, rate, UserMessage("x", "greeting", "KX1"), now)
        codes.append(error.code if error else None)
    assert codes == [None, None, 31206, None, 31206]
