"""The signature of a failure: its message without dates and numbers, what it is grouped by, a guess at its class."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable
from functools import lru_cache

from apps import masking
from apps.runs.models import Step

LONGEST_MESSAGE = 500

VARYING = re.compile(
    # Numbers in a column type such as DECIMAL(5,2) belong to the cause, not to the case.
    r"(?P<type>\b[A-Z]+\(\d+(?:,\s*\d+)?\))"
    r"|\b[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}\b"  # uuid
    r"|\b\d{4}-\d\d-\d\d(?:[T ]\d\d:\d\d(?::\d\d(?:\.\d+)?)?(?:Z|[+-]\d\d:?\d\d)?)?"  # date, moment
    r"|\b0x[0-9a-fA-F]+\b"
    r"|\b(?=[0-9a-fA-F]*\d)(?=[0-9a-fA-F]*[a-fA-F])[0-9a-fA-F]{8,}\b"  # hash
    r"|[+-]?\d[\d,]*(?:\.\d+)?(?:[eE][+-]?\d+)?"  # number
)

# What differs between failures of one cause that meet different things, see `kind`.
QUOTED = re.compile(r"(?<!\w)(?:'[^']+'|\"[^\"]+\"|`[^`]+`|“[^”]+”)(?!\w)")
IDENTIFIER = re.compile(r"\b\w+(?:[./_-]\w+)+\b|\b[a-z]+[A-Z]\w*\b|\b\w*_\w+\b")
IS_ERROR = re.compile(r"(Error|Exception|Warning)$")
PROPER_NAME = re.compile(r"(?<=[\w,…] )[A-Z][a-z'’-]+\b")
CLASSES = (
    ("quota", r"quota|rate.?limit|too many requests|\b429\b"),
    ("timeout", r"tim(ed|e) ?out|deadline"),
    ("auth", r"permission|denied|unauthori[sz]ed|forbidden|credential|\b40[13]\b"),
    ("upstream", r"connection|unreachable|unavailable|\b50[234]\b|refused|reset by peer|dns|busy|locked"),
    ("data missing", r"no rows|not found|no such|missing|0 records|empty|nothing to"),
)


def signature(message: str) -> str:
    """The message without its dates and numbers: failures of one cause read the same. Without secrets, too."""
    bare = VARYING.sub(lambda match: match["type"] or "…", masking.text(message))
    without_lead = re.sub(r"^(?:…[\s:,-]*)+(?=\S)", "", bare.strip())  # "2024-02-16: ..." says it twice
    return re.sub(r"\s+", " ", without_lead).strip()[:LONGEST_MESSAGE]


@lru_cache(maxsize=4096)  # a signature is there many times
def kind(signature: str) -> str:
    """The signature without the names in it: quoted words, identifiers, proper names within a sentence.

    What kind of error it is (KeyError, a column type) stays, and so do plain words: other causes read differently.
    """
    bare = QUOTED.sub("…", signature)
    bare = IDENTIFIER.sub(lambda match: match[0] if IS_ERROR.search(match[0]) else "…", bare)
    return re.sub(r"…(?:\s*…)+", "…", PROPER_NAME.sub("…", bare))


def cause(status: str, signature: str) -> str:
    """The key by which open steps are grouped: failures by their kind, skips by their signature, since the name of an
    input is why its readers were skipped."""
    return signature if status == Step.Status.SKIPPED else kind(signature)


def headline(cause: str, signatures: Iterable[str]) -> str:
    """The title of a group: its signature if all have the same, else their common cause."""
    found = set(signatures)
    return found.pop() if len(found) == 1 else cause


def key(cause: str) -> str:
    """A group's short name, for addresses."""
    return hashlib.blake2b(cause.encode(), digest_size=6).hexdigest()


def suggested_class(message: str) -> str:
    """A guess at where to look first: data missing, upstream, quota, timeout, auth, code."""
    for name, pattern in CLASSES:
        if re.search(pattern, message, re.IGNORECASE):
            return name
    return "code"
