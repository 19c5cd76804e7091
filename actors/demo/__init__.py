"""The demonstration: many calls, real faults, audio checked."""
