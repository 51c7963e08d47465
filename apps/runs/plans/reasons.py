"""Why a date is left out of a plan, in the words of pages and commands."""

from __future__ import annotations

COMPLETE = "complete"
BOOTSTRAP = "bootstrap"
ACCEPTED = "accepted"
OFF_CALENDAR = "off the calendar"
LEFT_CALENDAR = "left the calendar, not confirmed"
NOT_OVER = "not over yet"
UNKNOWN = "unknown: scan the warehouse first"
UNCOMPARED = "unknown until what it is compared with is filled"
FAILED_BEFORE = "failed before"
BEHIND_GAPS = "behind gaps of what it reads"
ELSEWHERE = "running elsewhere: run "  # and its number

# What is left out for good: complete, or outside of what is expected.
SETTLED = {COMPLETE, BOOTSTRAP, ACCEPTED, OFF_CALENDAR, NOT_OVER}
