"""Trunkline: a voice-call server in which every call is a supervised actor."""
