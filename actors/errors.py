"""The numbered errors of the voice client family, and the rules that map gateway codes to them.

Three classes are called `ConnectionError`; tell them apart by `code`: 31005 is of the call, 53000 of
signaling, 53405 of media.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import ClassVar, Final


class InvalidArgumentError(Exception):
    """An argument is of the wrong type or out of range."""


class InvalidStateError(Exception):
    """The operation makes no sense in the present state."""


class NotSupportedError(Exception):
    """The platform or this build cannot do what was asked for."""


class TwilioError(Exception):
    """A numbered error; the fields that describe it are fixed per class.

    `TwilioError()`, `TwilioError(text)`, `TwilioError(original)` and `TwilioError(text, original)` are valid;
    without a text the message ends in the explanation.
    """

    code: ClassVar[int] = 0
    name: ClassVar[str] = "TwilioError"
    description: ClassVar[str] = ""
    explanation: ClassVar[str] = ""
    causes: ClassVar[tuple[str, ...]] = ()
    solutions: ClassVar[tuple[str, ...]] = ()
    is_precise: ClassVar[bool] = False
    """Raised for a gateway code only when precise signaling errors are asked for."""

    def __init_subclass__(cls, *, code: int | None = None, precise: bool = False) -> None:
        super().__init_subclass__()
        cls.name = cls.__name__
        if code is not None:
            cls.code = code
            cls.is_precise = precise

    def __init__(self, text_or_error: object = None, original_error: object = None) -> None:
        text = self.explanation
        if isinstance(text_or_error, str):
            text = text_or_error
        elif text_or_error is not None:
            original_error = text_or_error
        self.message = f"{self.name} ({self.code}): {text}"
        self.original_error = original_error
        super().__init__(self.message)
        if isinstance(original_error, BaseException):
            self.__cause__ = original_error

    def __reduce__(self) -> tuple[object, ...]:
        text = self.message.removeprefix(f"{self.name} ({self.code}): ")
        return (type(self), (text, self.original_error))


class AuthorizationErrors:
    """The token, or what it permits."""

    class AccessTokenInvalid(TwilioError, code=20101):
        description = "Invalid access token"
        explanation = "The access token could not be validated."

    class AccessTokenExpired(TwilioError, code=20104):
        description = "Access token expired, or its expiry is not acceptable"
        explanation = "The access token is past its expiry, or the expiry is malformed or too far ahead."

    class AuthenticationFailed(TwilioError, code=20151):
        description = "Authentication failed"
        explanation = "The given JWT did not authenticate the client."

    class AuthorizationError(TwilioError, code=31201, precise=True):
        description = "Not authorized"
        explanation = "The request was understood, but is refused for these credentials."

    class NoValidAccountError(TwilioError, code=31203, precise=True):
        description = "No valid account"
        explanation = "The credentials do not belong to a usable account."

    class InvalidJWTTokenError(TwilioError, code=31204, precise=True):
        description = "Invalid JWT"
        explanation = "The JWT is malformed or does not verify."

    class JWTTokenExpiredError(TwilioError, code=31205, precise=True):
        description = "JWT expired"
        explanation = "The JWT is past its expiry."

    class RateExceededError(TwilioError, code=31206):
        description = "Rate exceeded"
        explanation = "Messages are sent faster than the limit allows."
        causes = ("The rate limit was reached.",)
        solutions = ("Send messages at a lower rate.",)

    class JWTTokenExpirationTooLongError(TwilioError, code=31207, precise=True):
        description = "JWT lifetime too long"
        explanation = "The JWT expires later than the longest lifetime allowed."

    class ReconnectAttemptError(TwilioError, code=31209):
        description = "Reconnect attempt refused"
        explanation = "This client may not take up the call again."

    class CallMessageEventTypeInvalidError(TwilioError, code=31210):
        description = "Call message type not valid"
        explanation = "The type of the call message was not understood."
        causes = ("The message has an unknown type.",)
        solutions = ("Use one of the supported message types.",)

    class PayloadSizeExceededError(TwilioError, code=31212):
        description = "Call message too large"
        explanation = "The payload of the call message is larger than the limit."
        causes = ("The payload is above the limit.",)
        solutions = ("Send a smaller payload.",)


class SignatureValidationErrors:
    """The token's signature."""

    class AccessTokenSignatureValidationFailed(TwilioError, code=31202, precise=True):
        description = "Access token signature not valid"
        explanation = "The signature of the access token does not match."
        causes = ("The token was signed with another account, API key or secret.",)
        solutions = ("Use an account, API key and secret that belong together.",)


class ClientErrors:
    """The request, or the party that it is for."""

    class BadRequest(TwilioError, code=31400):
        description = "Bad request"
        explanation = "The request is malformed."

    class NotFound(TwilioError, code=31404, precise=True):
        description = "Not found"
        explanation = "Nothing was found that could serve the request."
        causes = ("The number is not valid.", "The application has no voice URL.")
        solutions = ("Check the number that was called.", "Configure a voice URL for the application.")

    class TemporarilyUnavailable(TwilioError, code=31480, precise=True):
        description = "Temporarily unavailable"
        explanation = "The called party cannot be reached now."

    class BusyHere(TwilioError, code=31486, precise=True):
        description = "Busy"
        explanation = "The called party is busy."


class SIPServerErrors:
    """Final answers of the far side."""

    class Decline(TwilioError, code=31603, precise=True):
        description = "Declined"
        explanation = "The called party does not want the call."


class GeneralErrors:
    """Errors of a call or a connection that no other family describes better."""

    class UnknownError(TwilioError, code=31000):
        description = "Unknown error"
        explanation = "Something failed that has no code of its own; see the details."

    class ApplicationNotFoundError(TwilioError, code=31001, precise=True):
        description = "Application not found"

    class ConnectionDeclinedError(TwilioError, code=31002, precise=True):
        description = "Connection declined"

    class ConnectionTimeoutError(TwilioError, code=31003, precise=True):
        description = "Connection timeout"
        explanation = "The server did not answer in time."

    class ConnectionError(TwilioError, code=31005):  # noqa: A001
        description = "Connection error"
        explanation = "A connection error occurred during the call."

    class CallCancelledError(TwilioError, code=31008):
        description = "Call cancelled"
        explanation = "The call cannot be answered because it has already ended."
        causes = (
            "It was not answered in time.",
            "Another instance with the same identity accepted or rejected it.",
        )

    class TransportError(TwilioError, code=31009):
        description = "Transport error"
        explanation = "There is no transport to send or receive messages."


class MalformedRequestErrors:
    """Requests that do not keep to the protocol."""

    class MalformedRequestError(TwilioError, code=31100):
        description = "Malformed request"
        explanation = "The request has a malformed syntax."
        causes = ("The content or the message type given to send_message is not valid.",)
        solutions = ("Pass a valid content and message type.",)

    class MissingParameterArrayError(TwilioError, code=31101, precise=True):
        description = "Parameter array missing"

    class AuthorizationTokenMissingError(TwilioError, code=31102, precise=True):
        description = "Authorization token missing"

    class MaxParameterLengthExceededError(TwilioError, code=31103, precise=True):
        description = "Parameters too long"
        explanation = "The parameters together are longer than the limit."

    class InvalidBridgeTokenError(TwilioError, code=31104, precise=True):
        description = "Bridge token not valid"

    class InvalidClientNameError(TwilioError, code=31105, precise=True):
        description = "Client name not valid"
        explanation = "A client name has no control, space, delimiter or unwise characters."
        causes = ("The client name contains such a character.",)
        solutions = ("Remove these characters from the client name.",)

    class ReconnectParameterInvalidError(TwilioError, code=31107, precise=True):
        description = "Reconnect parameter not valid"


class UserMediaErrors:
    """The microphone."""

    class PermissionDeniedError(TwilioError, code=31401):
        description = "Microphone not permitted"
        explanation = "The user or the system refused access to the microphone."
        causes = ("The user refused the request.", "The system refuses this program the microphone.")
        solutions = ("Accept the request.", "Allow the microphone in the settings of the system.")

    class AcquisitionFailedError(TwilioError, code=31402):
        description = "Microphone could not be opened"
        explanation = "The input is permitted, but could not be opened."
        causes = ("The device does not exist.", "No device meets the constraints.")
        solutions = ("Check the device id.", "Relax the constraints.")


class SignalingErrors:
    """The signaling connection as a whole."""

    class ConnectionError(TwilioError, code=53000):  # noqa: A001
        description = "Signaling connection error"
        explanation = "Signaling could not be established or kept up."

    class ConnectionDisconnected(TwilioError, code=53001):
        description = "Signaling connection disconnected"
        explanation = "The signaling connection was lost."
        causes = ("The device is offline.",)
        solutions = ("Provide a stable network connection.",)


class MediaErrors:
    """Media negotiation and transport."""

    class ClientLocalDescFailed(TwilioError, code=53400):
        description = "Local description failed"
        explanation = "The client could not make or apply its media description."
        causes = ("The WebRTC stack does not support what the call needs.", "Resources ran out.")
        solutions = ("Use a supported WebRTC stack.",)

    class ClientRemoteDescFailed(TwilioError, code=53402):
        description = "Remote description failed"
        explanation = "The client could not apply the media description of its peer."
        causes = ("One side uses WebRTC features that the other does not support.", "Resources ran out.")
        solutions = ("Use supported WebRTC stacks on both sides.",)

    class ConnectionError(TwilioError, code=53405):  # noqa: A001
        description = "Media connection failed"
        explanation = "The media connection could not be established, or was lost."
        causes = ("No path between the peers was found.", "The path stopped carrying media.")
        solutions = ("Try another region.", "Check the network.", "Check the ICE servers.")


FAMILIES: Final[tuple[type, ...]] = (
    AuthorizationErrors,
    SignatureValidationErrors,
    ClientErrors,
    SIPServerErrors,
    GeneralErrors,
    MalformedRequestErrors,
    UserMediaErrors,
    SignalingErrors,
    MediaErrors,
)

ERRORS: Final[Mapping[int, type[TwilioError]]] = MappingProxyType(
    {
        member.code: member
        for family in FAMILIES
        for member in vars(family).values()
        if isinstance(member, type) and issubclass(member, TwilioError)
    }
)
"""Every numbered class by its code."""


@dataclass(frozen=True, slots=True)
class GatewayError:
    """What a gateway sent in an `error` or `hangup`; becomes `original_error` where no class fits."""

    code: int
    message: str


def error_for_code(code: int, *, precise: bool) -> type[TwilioError] | None:
    """The class of a gateway code; None if unknown, or known only to clients that ask for precise errors."""
    found = ERRORS.get(code)
    return None if found is None or (found.is_precise and not precise) else found


def from_hangup(code: int, message: str, *, precise: bool) -> TwilioError:
    """The error of a call that the gateway ended with one."""
    found = error_for_code(code, precise=precise)
    if found is not None:
        return found(message)
    return GeneralErrors.ConnectionError(
        "The gateway ended the call with an error.", GatewayError(code, message)
    )


def from_call_error(code: int, message: str, *, precise: bool) -> TwilioError:
    """The error of a gateway `error` that answers a message of a call (it has a `voiceeventsid`)."""
    found = error_for_code(code, precise=precise) or GeneralErrors.UnknownError
    return found(message)


_DEVICE_CODES: Final[Mapping[int, type[TwilioError]]] = MappingProxyType(
    {
        31201: AuthorizationErrors.AuthenticationFailed,
        31204: AuthorizationErrors.AccessTokenInvalid,
        31205: AuthorizationErrors.AccessTokenExpired,
    }
)


def from_device_error(code: int, message: str, *, precise: bool) -> TwilioError:
    """The error of a gateway `error` that is not about a call."""
    found = (
        _DEVICE_CODES.get(code) or error_for_code(code, precise=precise) or SignalingErrors.ConnectionError
    )
    return found(message, GatewayError(code, message))


def local_error(code: int, reason: str) -> TwilioError:
    """The error of `code` as raised on this side of the wire, whatever the precision asked for."""
    found = error_for_code(code, precise=True) or GeneralErrors.UnknownError
    return found(reason)
