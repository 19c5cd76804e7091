"""Supervised actors on trio: restart policies, mailboxes, the shared channel, fault points."""

from supervisor.actor import Machine, drive
from supervisor.channel import Channel, ChannelStatistics, Lagged, Subscription, SubscriptionStatistics
from supervisor.child import ChildNotReady, ChildSpec, Ready, Run
from supervisor.faults import NO_FAULTS, Crash, Delay, Fault, Faults, Kill, NoFaults, ScriptedFaults
from supervisor.mailbox import Mailbox, MailboxFull, MailboxStatistics
from supervisor.notices import ChildDown, ChildExhausted, ChildFinished, ChildRestarting, ChildUp, Notice
from supervisor.policy import Backoff, Decision, GiveUp, History, Policy, Restart, RestartAfter
from supervisor.supervisor import RestartsExhausted, Supervisor, SupervisorClosed, open_supervisor

__all__ = [
    "NO_FAULTS",
    "Backoff",
    "Channel",
    "ChannelStatistics",
    "ChildDown",
    "ChildExhausted",
    "ChildFinished",
    "ChildNotReady",
    "ChildRestarting",
    "ChildSpec",
    "ChildUp",
    "Crash",
    "Decision",
    "Delay",
    "Fault",
    "Faults",
    "GiveUp",
    "History",
    "Kill",
    "Lagged",
    "Machine",
    "Mailbox",
    "MailboxFull",
    "MailboxStatistics",
    "NoFaults",
    "Notice",
    "Policy",
    "Ready",
    "Restart",
    "RestartAfter",
    "RestartsExhausted",
    "Run",
    "ScriptedFaults",
    "Subscription",
    "SubscriptionStatistics",
    "Supervisor",
    "SupervisorClosed",
    "drive",
    "open_supervisor",
]
