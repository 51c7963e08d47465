"""Secrets of a call, hidden wherever people look: in its words and in what the console adds to its environment."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping

HIDDEN = "•••"
# Rather a word too many than a password too few.
NAMED = r"[-\w.]*(?:KEY|TOKEN|SECRET|PASS|PWD|CREDENTIAL|DSN|WEBHOOK|AUTH)[-\w.]*"
SECRET = re.compile(NAMED, re.IGNORECASE)
OPTION = re.compile(rf"-{NAMED}", re.IGNORECASE)
# --api-key=abc, "Authorization: Bearer abc": the whole rest of the word
ASSIGNED = re.compile(rf"({NAMED}(?:=|:\s+)).+", re.IGNORECASE | re.DOTALL)
# ?token=abc&x=1, {"token": "abc"}, sh -c "X_TOKEN=abc run --password abc"
WITHIN = re.compile(
    rf"""({NAMED}["']?\s*[=:]\s*|-{NAMED}\s+(?!-))("[^"]*"|'[^']*'|[^\s"'&,;]+)""", re.IGNORECASE
)
# ://user:password@host, whatever is in the password
LOGIN = re.compile(r"://(?:[^\s/]*|[^\s/:@]+:[^\s@]*)@")


def environment(added: Mapping[str, str]) -> dict[str, str]:
    """Variables as they may be shown: secrets by their names, and logins in what the others say."""
    return {name: HIDDEN if SECRET.search(name) else text(value) for name, value in added.items()}


def words(argv: Iterable[str]) -> Iterator[str]:
    """A command as it may be shown, word by word."""
    option_before = False
    for word in argv:
        yield HIDDEN if option_before and not word.startswith("-") else masked(word)
        option_before = bool(OPTION.fullmatch(word))


def masked(word: str) -> str:
    return ASSIGNED.sub(rf"\1{HIDDEN}", word) if ASSIGNED.fullmatch(word) else text(word)


def text(value: str) -> str:
    return WITHIN.sub(rf"\1{HIDDEN}", LOGIN.sub(f"://{HIDDEN}@", value))
