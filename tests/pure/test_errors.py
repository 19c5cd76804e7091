"""The numbered errors and how gateway codes become them."""

import pickle

import pytest
from hypothesis import given
from hypothesis import strategies as st

from actors.errors import (
    ERRORS,
    FAMILIES,
    AuthorizationErrors,
    GatewayError,
    GeneralErrors,
    InvalidArgumentError,
    InvalidStateError,
    MediaErrors,
    NotSupportedError,
    SignalingErrors,
    TwilioError,
    error_for_code,
    from_call_error,
    from_device_error,
    from_hangup,
)

pytestmark = pytest.mark.pure

ALWAYS = {
    20101: "AccessTokenInvalid",
    20104: "AccessTokenExpired",
    20151: "AuthenticationFailed",
    31206: "RateExceededError",
    31209: "ReconnectAttemptError",
    31210: "CallMessageEventTypeInvalidError",
    31212: "PayloadSizeExceededError",
    31400: "BadRequest",
    31000: "UnknownError",
    31005: "ConnectionError",
    31008: "CallCancelledError",
    31009: "TransportError",
    31100: "MalformedRequestError",
    31401: "PermissionDeniedError",
    31402: "AcquisitionFailedError",
    53000: "ConnectionError",
    53001: "ConnectionDisconnected",
    53400: "ClientLocalDescFailed",
    53402: "ClientRemoteDescFailed",
    53405: "ConnectionError",
}
PRECISE = {
    31201: "AuthorizationError",
    31203: "NoValidAccountError",
    31204: "InvalidJWTTokenError",
    31205: "JWTTokenExpiredError",
    31207: "JWTTokenExpirationTooLongError",
    31202: "AccessTokenSignatureValidationFailed",
    31404: "NotFound",
    31480: "TemporarilyUnavailable",
    31486: "BusyHere",
    31603: "Decline",
    31001: "ApplicationNotFoundError",
    31002: "ConnectionDeclinedError",
    31003: "ConnectionTimeoutError",
    31101: "MissingParameterArrayError",
    31102: "AuthorizationTokenMissingError",
    31103: "MaxParameterLengthExceededError",
    31104: "InvalidBridgeTokenError",
    31105: "InvalidClientNameError",
    31107: "ReconnectParameterInvalidError",
}


def test_the_family_has_39_classes() -> None:
    assert {code: error.name for code, error in ERRORS.items()} == ALWAYS | PRECISE
    assert len(ERRORS) == 39


@pytest.mark.parametrize("code", sorted(PRECISE))
def test_precise_codes_are_known_only_on_request(code: int) -> None:
    assert error_for_code(code, precise=False) is None
    assert error_for_code(code, precise=True) is ERRORS[code]


@pytest.mark.parametrize("code", sorted(ALWAYS))
def test_other_codes_are_known_always(code: int) -> None:
    assert error_for_code(code, precise=False) is error_for_code(code, precise=True) is ERRORS[code]


@given(code=st.integers(), precise=st.booleans())
def test_a_found_class_has_the_code_asked_for(code: int, precise: bool) -> None:
    found = error_for_code(code, precise=precise)
    assert found is None or found.code == code


@pytest.mark.parametrize("error", ERRORS.values(), ids=lambda error: f"{error.name}-{error.code}")
def test_message_ends_in_the_text_or_else_the_explanation(error: type[TwilioError]) -> None:
    head = f"{error.name} ({error.code}): "
    assert error().message == str(error()) == head + error.explanation
    assert error("why").message == head + "why"
    assert error("").message == head
    assert error.description


EXPLAINED_BY_CAUSES = {31005: False} | dict.fromkeys(
    (31206, 31210, 31212, 31202, 31404, 31008, 31100, 31105, 31401, 31402, 53001, 53400, 53402, 53405), True
)
WITHOUT_SOLUTIONS = {31008}


@pytest.mark.parametrize("error", ERRORS.values(), ids=lambda error: f"{error.name}-{error.code}")
def test_causes_and_solutions_are_those_that_are_documented(error: type[TwilioError]) -> None:
    has_causes = EXPLAINED_BY_CAUSES.get(error.code, False)
    assert (bool(error.causes), bool(error.solutions)) == (
        has_causes,
        has_causes and error.code not in WITHOUT_SOLUTIONS,
    )
    raised = error("why")
    for name in ("code", "name", "description", "explanation", "causes", "solutions"):
        assert getattr(raised, name) == getattr(error, name)
    assert all(isinstance(text, str) and text for text in (*error.causes, *error.solutions))


def test_every_class_is_found_in_its_family() -> None:
    families = {
        "AuthorizationErrors": {20101, 20104, 20151, 31201, 31203, 31204, 31205, 31206, 31207, 31209, 31210}
        | {31212},
        "SignatureValidationErrors": {31202},
        "ClientErrors": {31400, 31404, 31480, 31486},
        "SIPServerErrors": {31603},
        "GeneralErrors": {31000, 31001, 31002, 31003, 31005, 31008, 31009},
        "MalformedRequestErrors": {31100, 31101, 31102, 31103, 31104, 31105, 31107},
        "UserMediaErrors": {31401, 31402},
        "SignalingErrors": {53000, 53001},
        "MediaErrors": {53400, 53402, 53405},
    }
    found = {
        family.__name__: {code for code, error in ERRORS.items() if error in vars(family).values()}
        for family in FAMILIES
    }
    assert found == families


def test_an_error_can_be_made_of_nothing() -> None:
    error = GeneralErrors.CallCancelledError()
    assert error.message == f"CallCancelledError (31008): {error.explanation}"
    assert error.original_error is None


def test_errors_of_arguments_and_state_are_no_part_of_the_family() -> None:
    for kind in (InvalidArgumentError, InvalidStateError, NotSupportedError):
        assert not issubclass(kind, TwilioError)
        assert str(kind("why")) == "why"


def test_an_error_wraps_what_it_was_made_from() -> None:
    cause = OSError("no route")
    for wrapped in (GeneralErrors.TransportError(cause), GeneralErrors.TransportError("text", cause)):
        assert wrapped.original_error is cause
        assert wrapped.__cause__ is cause
    assert GeneralErrors.TransportError(cause).message.endswith(GeneralErrors.TransportError.explanation)
    assert GeneralErrors.TransportError({"code": 1}).original_error == {"code": 1}
    assert GeneralErrors.TransportError("text").original_error is None


def test_three_classes_share_a_name_and_differ_in_code() -> None:
    shared = (GeneralErrors.ConnectionError, SignalingErrors.ConnectionError, MediaErrors.ConnectionError)
    assert [error.code for error in shared] == [31005, 53000, 53405]
    with pytest.raises(MediaErrors.ConnectionError):
        raise MediaErrors.ConnectionError
    assert not issubclass(MediaErrors.ConnectionError, GeneralErrors.ConnectionError)


def test_errors_survive_pickling() -> None:
    error = MediaErrors.ConnectionError("lost", GatewayError(1, "x"))
    copy = pickle.loads(pickle.dumps(error))
    assert (type(copy), copy.message, copy.original_error) == (
        type(error),
        error.message,
        error.original_error,
    )


def test_a_hangup_code_that_is_not_known_becomes_31005_and_keeps_the_original() -> None:
    for code in (31486, 12345):
        error = from_hangup(code, "busy", precise=False)
        assert (error.code, error.original_error) == (31005, GatewayError(code, "busy"))
    assert from_hangup(31486, "busy", precise=True).message == "BusyHere (31486): busy"
    assert from_hangup(31206, "slow", precise=False).code == 31206


@pytest.mark.parametrize("error", ERRORS.values(), ids=lambda error: f"{error.name}-{error.code}")
def test_a_hangup_has_the_class_of_its_code_only_as_precisely_as_asked_for(error: type[TwilioError]) -> None:
    precise = from_hangup(error.code, "busy", precise=True)
    assert (type(precise), precise.message) == (error, f"{error.name} ({error.code}): busy")
    assert precise.original_error is None
    coarse = from_hangup(error.code, "busy", precise=False)
    assert coarse.code == (31005 if error.code in PRECISE else error.code)


def test_a_call_error_that_is_not_known_becomes_31000_with_the_gateways_text() -> None:
    assert from_call_error(31204, "bad", precise=False).message == "UnknownError (31000): bad"
    assert from_call_error(31204, "bad", precise=True).code == 31204


@pytest.mark.parametrize("precise", [False, True])
def test_token_errors_of_a_device_have_codes_of_their_own(precise: bool) -> None:
    expected = {31201: 20151, 31204: 20101, 31205: 20104, 99999: 53000, 31206: 31206}
    assert {code: from_device_error(code, "", precise=precise).code for code in expected} == expected
    assert from_device_error(31202, "", precise=precise).code == (31202 if precise else 53000)
    assert isinstance(from_device_error(31205, "", precise=False), AuthorizationErrors.AccessTokenExpired)
