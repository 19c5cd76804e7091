"""One call: its machine, its actor, its public handle."""

from actors.call.call import AcceptOptions, Call
from actors.call.message import Message
from actors.call.parameters import CallerInfo
from actors.call.state import CallStatus, Direction

__all__ = ["AcceptOptions", "Call", "CallStatus", "CallerInfo", "Direction", "Message"]
