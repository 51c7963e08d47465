"""Masks secrets in every text of a job, a warehouse or the console that is shown, stored or sent.

`text` masks what looks like a secret, and the values that are known to be secrets: `learn` takes them from the
environment of the console and of its jobs.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import cache
from itertools import pairwise
from pathlib import Path
from urllib.parse import quote

HIDDEN = "•••"

# Names ------------------------------------------------------------------------------------------------
# Of variables and options, where only the name is known: better mask a word too many than a password too few.
NAMED = r"[-\w.]*(?:KEY|TOKEN|SECRET|PASS|PWD|CREDENTIAL|DSN|WEBHOOK|AUTH)[-\w.]*"
SECRET = re.compile(NAMED, re.IGNORECASE)
OPTION = re.compile(rf"-{NAMED}", re.IGNORECASE)
# Names that contain one of those words and are no secret: AUTHOR, SORT_KEY, MAX_TOKENS, TOKEN_TTL, PWD.
PLAIN = re.compile(
    r"^(?:OLD)?PWD$"
    r"|^.*_(?:TTL|TIMEOUT|SECONDS|MINUTES|HOURS|DAYS|LIMIT|SIZE|LENGTH|COUNT|PORT|EXPIRY|RETRIES|VERSION)$"
    r"|^.*_(?:PREFIX|SCHEMA|TABLE|COLUMN|DATE|USER|USERNAME|REGION|HOST|MODE|TYPE)$"
    r"|(?:SORT|PARTITION|CLUSTERING|FOREIGN|UNIQUE|DEDUP)_?KEYS?|KEY_?(?:COLUMN|FIELD)S?"
    r"|(?<![A-Z0-9])(?:MAX|MIN|NUM)_?TOKENS|TOKENIZERS?"
    r"|AUTHORS?(?![A-Z])|KEYSPACE|PASSES|PASSENGER|PASSIVE|BYPASS|COMPASS|KEYBOARD|KEYWORD|HOCKEY|MONKEY|TURKEY",
    re.IGNORECASE,
)

# Values -----------------------------------------------------------------------------------------------
LEAST = 4  # characters of a value that is masked
LEAST_WITHIN = 6  # characters of a mixed value that is masked inside a longer word, too
# Never masked, whatever the variable is named: texts are full of them.
COMMON = re.compile(
    r"true|false|none|null|undefined|default|auto|always|never|enabled|disabled|required|optional"
    r"|test|local|prod|production|stage|staging|develop|development"
    r"|basic|bearer|digest|oauth2?|token|password|secret",
    re.IGNORECASE,
)
DATE = re.compile(r"(?:19|20|21)\d\d(?:-\d\d-\d\d)?")  # or a year alone: texts are full of dates

# Commands ---------------------------------------------------------------------------------------------
# --api-key=abc, "Authorization: Bearer abc": the whole rest of the word
ASSIGNED = re.compile(rf"({NAMED}(?:=|:\s+)).+", re.IGNORECASE | re.DOTALL)
# ?token=abc&x=1, {"token": "abc"}, sh -c "X_TOKEN=abc run --password abc"
WITHIN = re.compile(
    rf"""({NAMED}["']?\s*[=:]\s*|-{NAMED}\s+(?!-))("[^"]*"|'[^']*'|[^\s"'&,;]+)""", re.IGNORECASE
)

# Text -------------------------------------------------------------------------------------------------
# In a text a name must end in one of these, so that "KeyError: 'day'" and "duplicate key: 7" are not masked.
ENDS = (
    r"(?:password|passwd|passphrase|pwd|secret|token|credentials?|authorization|dsn|webhook(?:[_-]?url)?"
    r"|(?:api|access|private|secret|account|shared|signing|encryption)[_-]?key(?:[_-]?id)?)"
)
TELLS = re.compile(rf"--?[\w-]*?{ENDS}", re.IGNORECASE)
TOLD = re.compile(rf"[\w-]*?{ENDS}=(.+)", re.IGNORECASE | re.DOTALL)
NAME = rf"(?<![\w.-])[\w.-]{{0,60}}?{ENDS}"
VALUE = r"""(?:(?:bearer|basic|digest)\s+[^\s"'<>,;]+|"[^"\n]*"|'[^'\n]*'|[^\s"'&,;<>(){}\[\]]+)"""
PEM = r"PRIVATE KEY(?: BLOCK)?-----"
LOOKS_SECRET = (
    # private keys: whole or cut off, in lines or with \n between them
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
    # keys of AWS, Google, GitHub, GitLab, Slack, Stripe and others, and JSON web tokens
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
# Most texts are short sentences without any of these, and need no masking.
HINT = re.compile(r"[=:]|(?<!\S)-|[\w-]{20}|PRIVATE|bearer|slack", re.IGNORECASE)
LOGIN = re.compile(r"://[^\s/:@]*:([^\s@]+)@")

_known: set[str] = set()


def text(said: str) -> str:
    """The text with its secrets masked: known values, and what looks like a secret."""
    if not said:
        return said
    if known := _of_known(frozenset(_known)):
        said = known.sub(HIDDEN, said)
    if HINT.search(said):
        for pattern, shown in PATTERNS:
            said = pattern.sub(shown, said)
    return said


def values(said: object, mask: Callable[[str], str] | None = None) -> object:
    """The same for any JSON value; `mask` is applied to each text."""
    if isinstance(said, str):
        return (mask or text)(said)
    if isinstance(said, Mapping):
        return {name: values(value, mask) for name, value in said.items()}
    return [values(value, mask) for value in said] if isinstance(said, list | tuple) else said


def sentences(said: object) -> object:
    """The same for texts with a space or an assignment; a single word stays, such as a table's name or a date."""
    return values(said, lambda each: text(each) if " " in each or "=" in each else each)


def environment(added: Mapping[str, str]) -> dict[str, str]:
    """Variables with secrets masked: by their names, and what looks like a secret in the others."""
    return {name: HIDDEN if is_secret(name) else within(value) for name, value in added.items()}


def words(argv: Iterable[str]) -> Iterator[str]:
    """The words of a command, with secrets masked."""
    option_before = False
    for word in argv:
        yield HIDDEN if option_before and not word.startswith("-") else masked(word)
        option_before = bool(OPTION.fullmatch(word))


def masked(word: str) -> str:
    return ASSIGNED.sub(rf"\1{HIDDEN}", word) if ASSIGNED.fullmatch(word) else within(word)


def within(value: str) -> str:
    """A word or value, masked by the names in it."""
    return WITHIN.sub(rf"\1{HIDDEN}", text(value))


# Known values ------------------------------------------------------------------------------------------


def learn(variables: Mapping[str, str]) -> None:
    """From here on `text` masks the values of secret variables, and passwords of logins in any variable."""
    for name, value in variables.items():
        found = [*LOGIN.findall(value), *(lines(value) if is_secret(name) else ())]
        _known.update(each for each in found if is_learnt(each))


def learn_command(argv: Sequence[str]) -> None:
    """The same for a command's words: `--api-key abc`, `--token=abc`, `X_PASSWORD=abc`. Not for `--sort-key day`."""
    after = (word for option, word in pairwise(argv) if TELLS.fullmatch(option) and not word.startswith("-"))
    within = (found[1] for word in argv if (found := TOLD.fullmatch(word)))
    _known.update(each for each in (*after, *within) if is_learnt(each) and "{" not in each)


def is_secret(name: str) -> bool:
    """Whether a variable with that name contains a secret: the one rule for its display and for its value."""
    return bool(SECRET.search(PLAIN.sub("", name)))


def is_learnt(value: str) -> bool:
    """Whether a secret's value is masked in any text: not a short one, a common word, a date, a file's path."""
    if len(value) < LEAST or COMMON.fullmatch(value) or DATE.fullmatch(value):
        return False
    return not (value.startswith(("/", "~", ".")) and exists(value))


def exists(path: str) -> bool:
    try:
        return Path(path).expanduser().exists()
    except (OSError, RuntimeError, ValueError):  # too long for a path, or an unknown user
        return False


def lines(value: str) -> Iterator[str]:
    """The whole, and each line that is long enough to be unique, since logs are written in lines."""
    yield value.strip()
    if "\n" in value:
        yield from (line for each in value.splitlines() if len(line := each.strip()) >= 16)


@cache
def _of_known(known: frozenset[str]) -> re.Pattern[str] | None:
    written = {each for value in known for each in (value, quote(value, safe=""), json.dumps(value)[1:-1])}
    if not written:
        return None
    return re.compile("|".join(_literal(each) for each in sorted(written, key=len, reverse=True)))


# Where a word may begin: not after a letter or digit, except one of an escape such as \n or %3D.
BEGINS = r"(?:(?<![^\W_])|(?<=\\[nrt])|(?<=%[0-9A-Fa-f]{2}))"
ENDS_HERE = r"(?![^\W_])"


def _literal(value: str) -> str:
    """A value that could be part of a word or number is masked only as a whole word or number."""
    if value.isdecimal():
        return rf"(?<!\d\.){BEGINS}{value}{ENDS_HERE}(?!\.\d)"
    if len(value) < LEAST_WITHIN or value.replace("_", "").isalpha():
        return rf"{BEGINS}{re.escape(value)}{ENDS_HERE}"
    return re.escape(value)
