"""Secrets, hidden wherever people look: `text` masks what a job, a warehouse or the console says, at every exit.

It hides what looks like a secret, and the values that are known to be secrets: `learn` takes them from the environment
of the console and of its jobs. Everybody may import this module.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from functools import cache
from pathlib import Path
from urllib.parse import quote

HIDDEN = "•••"

# Names ------------------------------------------------------------------------------------------------
# Of variables and options, where a name is all there is to go by: rather a word too many than a password too few.
NAMED = r"[-\w.]*(?:KEY|TOKEN|SECRET|PASS|PWD|CREDENTIAL|DSN|WEBHOOK|AUTH)[-\w.]*"
SECRET = re.compile(NAMED, re.IGNORECASE)
OPTION = re.compile(rf"-{NAMED}", re.IGNORECASE)
# Names whose values are secrets even if they read like a word.
CERTAIN = re.compile(
    r"PASSWORD|PASSWD|PASSPHRASE|PWD|SECRET|TOKEN|(?:API|ACCESS|PRIVATE|SECRET)_?KEY", re.IGNORECASE
)
FOLDERS = ("PWD", "OLDPWD")

# Values -----------------------------------------------------------------------------------------------
LEAST_KNOWN = 6  # characters; a shorter word would be hidden in the middle of what has nothing to do with it
LEAST_OF_A_JOB = 4

# Commands ---------------------------------------------------------------------------------------------
# --api-key=abc, "Authorization: Bearer abc": the whole rest of the word
ASSIGNED = re.compile(rf"({NAMED}(?:=|:\s+)).+", re.IGNORECASE | re.DOTALL)
# ?token=abc&x=1, {"token": "abc"}, sh -c "X_TOKEN=abc run --password abc"
WITHIN = re.compile(
    rf"""({NAMED}["']?\s*[=:]\s*|-{NAMED}\s+(?!-))("[^"]*"|'[^']*'|[^\s"'&,;]+)""", re.IGNORECASE
)

# Text -------------------------------------------------------------------------------------------------
# Of an error a name must end in one of these: "KeyError: 'day'" and "duplicate key: 7" stay what they are.
ENDS = (
    r"(?:password|passwd|passphrase|pwd|secret|token|credentials?|authorization|dsn|webhook(?:[_-]?url)?"
    r"|(?:api|access|private|secret|account|shared|signing|encryption)[_-]?key(?:[_-]?id)?)"
)
NAME = rf"(?<![\w.-])[\w.-]{{0,60}}?{ENDS}"
VALUE = r"""(?:(?:bearer|basic|digest)\s+[^\s"'<>,;]+|"[^"\n]*"|'[^'\n]*'|[^\s"'&,;<>(){}\[\]]+)"""
PEM = r"PRIVATE KEY(?: BLOCK)?-----"
LOOKS_SECRET = (
    # private keys: whole, or as far as they are there, in lines or with \n between them
    (rf"-----BEGIN [A-Z ]*{PEM}(?:[A-Za-z0-9+/=\s]|\\n)*(?:-----END [A-Z ]*{PEM})?", HIDDEN),
    (rf"(?:^[A-Za-z0-9+/=]+\s)?-----END [A-Z ]*{PEM}", HIDDEN),
    (r"^(?=.*[a-z])(?=.*[A-Z])[A-Za-z0-9+/]{64}$", HIDDEN),
    # ://user:password@host, whatever is in the password
    (r"://(?:[^\s/<>\"']{0,300}|[^\s/:@<>\"']{1,100}:[^\s@<>\"']{0,300})@", f"://{HIDDEN}@"),
    # password=abc, "token": "abc", Authorization: Bearer abc, --api-key abc
    (rf"(?i)({NAME}(?:\\?[\"'])?\s*(?:=>|:=|[=:])\s*){VALUE}", rf"\1{HIDDEN}"),
    (rf"(?i)((?<!\S)--?[\w-]{{0,60}}?{ENDS}\s+)(?!-){VALUE}", rf"\1{HIDDEN}"),
    (r"(?i)\b(bearer\s+)[\w.~+/=-]{8,}", rf"\1{HIDDEN}"),
    # ?key=abc, &X-Amz-Signature=abc
    (
        r"(?i)([?&](?:[\w-]*(?:key|sig|signature|auth|pass|credential|security-token)|code)=)[^&\s\"'<>]+",
        rf"\1{HIDDEN}",
    ),
    (r"(?i)\b(pass=)[^\s\"'&,;<>]+", rf"\1{HIDDEN}"),
    # what AWS, Google, GitHub, GitLab, Slack, Stripe and others give out, and JSON web tokens
    (r"\b(?:AKIA|ASIA|ABIA|ACCA)[A-Z0-9]{16}\b", HIDDEN),
    (r"\bAIza[\w-]{35}", HIDDEN),
    (r"\bya29\.[\w.-]{10,}", HIDDEN),
    (r"\bGOCSPX-[\w-]{10,}", HIDDEN),
    (r"\b(?:gh[pousr]_\w{20,}|github_pat_\w{20,}|glpat-[\w-]{16,})", HIDDEN),
    (r"\bxox[abeoprs]-[\w-]{10,}", HIDDEN),
    (r"(hooks\.slack\.com/services/)[\w/]+", rf"\1{HIDDEN}"),
    (r"\b(?:sk|rk)_(?:live|test)_\w{10,}", HIDDEN),
    (r"\bsk-[\w-]{20,}", HIDDEN),
    (r"\beyJ[\w-]{8,}\.[\w-]{8,}\.[\w-]*", HIDDEN),
)
PATTERNS = tuple((re.compile(pattern, re.MULTILINE), shown) for pattern, shown in LOOKS_SECRET)
# Most texts are short sentences without any of these: they need no further look.
HINT = re.compile(r"[=:]|(?<!\S)-|[\w-]{20}|PRIVATE|bearer|slack", re.IGNORECASE)
LOGIN = re.compile(r"://[^\s/:@]*:([^\s@]+)@")

_known: set[str] = set()


def text(said: str) -> str:
    """What was said, without its secrets: those that are known, and what looks like one."""
    if not said:
        return said
    if known := _of_known(frozenset(_known)):
        said = known.sub(HIDDEN, said)
    if HINT.search(said):
        for pattern, shown in PATTERNS:
            said = pattern.sub(shown, said)
    return said


def values(said: object) -> object:
    """The same of everything that JSON can hold."""
    if isinstance(said, str):
        return text(said)
    if isinstance(said, Mapping):
        return {name: values(value) for name, value in said.items()}
    return [values(value) for value in said] if isinstance(said, list | tuple) else said


def environment(added: Mapping[str, str]) -> dict[str, str]:
    """Variables as they may be shown: secrets by their names, and what looks like one in the others."""
    return {name: HIDDEN if SECRET.search(name) else within(value) for name, value in added.items()}


def words(argv: Iterable[str]) -> Iterator[str]:
    """A command as it may be shown, word by word."""
    option_before = False
    for word in argv:
        yield HIDDEN if option_before and not word.startswith("-") else masked(word)
        option_before = bool(OPTION.fullmatch(word))


def masked(word: str) -> str:
    return ASSIGNED.sub(rf"\1{HIDDEN}", word) if ASSIGNED.fullmatch(word) else within(word)


def within(value: str) -> str:
    """A word or a value, by the names in it."""
    return WITHIN.sub(rf"\1{HIDDEN}", text(value))


# What is known ----------------------------------------------------------------------------------------


def learn(variables: Mapping[str, str], *, least: int = LEAST_KNOWN) -> None:
    """From here on `text` hides the values of those that are secrets, and the passwords of logins in all."""
    for name, value in variables.items():
        found = [*LOGIN.findall(value), *(lines(value) if is_secret(name, value) else ())]
        _known.update(each for each in found if len(each) >= least)


def forget() -> None:
    """As if nothing had been learnt."""
    _known.clear()


def is_secret(name: str, value: str) -> bool:
    """Whether the variable holds a secret, not the path of one, a number, or a name as in `SORT_KEY=order_id`."""
    if name in FOLDERS or not SECRET.search(name) or (value.isdecimal() and len(value) < 10):
        return False
    if value.startswith(("/", "~", ".")) and Path(value).expanduser().exists():
        return False
    return bool(CERTAIN.search(name)) or not re.fullmatch(r"[a-z_]*", value)


def lines(value: str) -> Iterator[str]:
    """The whole, and each line of it that would not be taken for anything else: logs are written in lines."""
    yield value.strip()
    if "\n" in value:
        yield from (line for each in value.splitlines() if len(line := each.strip()) >= 16)


@cache
def _of_known(known: frozenset[str]) -> re.Pattern[str] | None:
    written = {each for value in known for each in (value, quote(value, safe=""))}
    if not written:
        return None
    return re.compile("|".join(_literal(each) for each in sorted(written, key=len, reverse=True)))


def _literal(value: str) -> str:
    """A value that could be a part of a word is hidden only where it is a word."""
    return rf"(?<![A-Za-z]){value}(?![A-Za-z])" if value.isalpha() else re.escape(value)
