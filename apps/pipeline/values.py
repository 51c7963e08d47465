"""The types of values in a pipeline file, each with its error message."""

from __future__ import annotations

import datetime as dt
import math
import os
import re
from collections.abc import Mapping
from difflib import get_close_matches
from types import MappingProxyType
from typing import Annotated, Any
from zoneinfo import available_timezones

from pydantic import AfterValidator, BeforeValidator, Field, Strict

from apps import timing

YEARS = range(1900, 2200)  # any other year is a typing mistake
LARGEST = 10**15  # rows; a larger bound counts as open


def expand(text: str, environment: Mapping[str, str] = os.environ) -> str:
    """`${NAME}` and `${NAME:-default}` from the environment; a name that is not set and has no default is empty."""
    return re.sub(
        r"\$\{(\w+)(?::-([^}]*))?\}", lambda match: environment.get(match[1]) or match[2] or "", text
    )


def seconds(value: Any) -> Any:
    """`"90s"`, `"30m"`, `"2h"` or a number of seconds, as seconds."""
    if not isinstance(value, str):
        return value
    match = re.fullmatch(r"([0-9]{1,6})\s*([smh])", value.strip())
    if not match:
        raise ValueError('is not a time; write one such as "90s", "30m" or "1h"')
    return int(match[1]) * {"s": 1, "m": 60, "h": 3600}[match[2]]


def size(value: Any) -> Any:
    """`"10 GB"` or a number of bytes, as bytes: those of which 1024 make a KB, as the warehouse bills."""
    if not isinstance(value, str):
        return value
    match = re.fullmatch(r"([0-9]{1,9})\s*([MGT])i?B", value.strip())
    if not match:
        raise ValueError('is not a size; write one such as "500 MB", "100 GB" or "1 TB"')
    return int(match[1]) * 1024 ** {"M": 2, "G": 3, "T": 4}[match[2]]


def enough(value: int) -> int:
    if value < LEAST_BILLED:
        raise ValueError('is too small; every query bills at least "10 MB", so write that or more')
    return value


def calendar_date(value: Any) -> Any:
    # pydantic would accept a text or a number too, and not always as the date that was meant.
    if type(value) is not dt.date:
        raise ValueError("is not a date; write it without quotes and without a time, such as 2024-01-31")
    if value.year not in YEARS:
        raise ValueError(f"is not a date of our time; write one from {YEARS[0]} to {YEARS[-1]}")
    return value


def least_and_most(value: Any) -> Any:
    numbers = isinstance(value, list) and len(value) == 2 and all(type(end) in (int, float) for end in value)
    if not numbers or not 0 <= value[0] <= value[1] or value[0] > LARGEST:
        raise ValueError(
            "is not a band; write [least, most], two numbers in this order (inf leaves the end open)"
        )
    return [float(value[0]), float(value[1]) if value[1] <= LARGEST else math.inf]


def written_like(pattern: str, says: str) -> AfterValidator:
    def check(text: str) -> str:
        if not re.fullmatch(pattern, text) or not text.isprintable():
            raise ValueError(says)
        return text

    return AfterValidator(check)


def time_zone(name: str) -> str:
    """The name of a time zone that this machine knows; UTC needs no list of zones."""
    known = {"UTC"} if name == "UTC" else available_timezones() - {"localtime"}
    if name not in known:
        close = get_close_matches(name, known, n=1)
        raise ValueError(
            f"is not a time zone; {f'did you mean {close[0]}? Write' if close else 'write'} a name of the IANA list "
            'such as "UTC" or "America/New_York"'
        )
    return name


def without_nul(text: str) -> str:
    if "\0" in text:
        raise ValueError("contains a null character, which no path or command can; remove it")
    return text


def expanded(value: Any) -> Any:
    return expand(value) if isinstance(value, str) else value


Word = Annotated[str, AfterValidator(without_nul)]
Expanded = Annotated[Word, BeforeValidator(expanded)]
FilePath = Annotated[Expanded, Field(min_length=1, max_length=1000)]
Text = Annotated[
    str, Field(max_length=500), written_like(r".*", "has a line break in it; write it in one line")
]
Date = Annotated[dt.date, BeforeValidator(calendar_date)]
TimeZone = Annotated[str, AfterValidator(time_zone)]
Whole = Annotated[int, Strict()]
Number = Annotated[float, Strict(), Field(allow_inf_nan=False)]
Seconds = Annotated[Whole, BeforeValidator(seconds), Field(gt=0, le=timing.LONGEST_CALL)]
LEAST_BILLED = 10 * 1024**2  # by any query
Bytes = Annotated[Whole, BeforeValidator(size), AfterValidator(enough), Field(le=1024**5)]
Price = Annotated[Number, Field(gt=0, le=10**6)]
Currency = Annotated[
    str, written_like(r"[A-Z]{3}", 'is not a currency; write its three letters, such as "USD" or "EUR"')
]
Band = Annotated[tuple[float, float], BeforeValidator(least_and_most)]
Name = Annotated[
    str,
    Field(max_length=200),
    written_like(r"[^/\s][^/]*", "is not a name; write one in a line, without slashes"),
]
TableName = Annotated[
    str,
    Field(max_length=200),
    written_like(
        r"([A-Za-z][\w-]*\.)?[A-Za-z_]\w*\.[A-Za-z_]\w*",
        "is not a table's name; write dataset.table, in letters, digits and _",
    ),
]
Column = Annotated[
    str,
    Field(max_length=200),
    written_like(r"[A-Za-z_]\w*", "is not a column's name; write it in letters, digits and _"),
]
Project = Annotated[
    Expanded,
    written_like(
        r"([a-z0-9.-]+:)?[a-z][a-z0-9-]{4,28}[a-z0-9]",
        "is not a project's id; write it in small letters, digits and -, such as my-project-123",
    ),
]
Location = Annotated[
    Expanded,
    written_like(
        r"[A-Za-z][A-Za-z0-9-]*", 'is not a location; write one such as "US", "EU" or "europe-west1"'
    ),
]
ServiceAccount = Annotated[
    Expanded,
    written_like(
        r"[a-z0-9-]+@[a-z0-9.-]+\.gserviceaccount\.com",
        "is not a service account; write its address, such as reader@my-project.iam.gserviceaccount.com",
    ),
]
Variable = Annotated[
    str, written_like(r"[A-Za-z_]\w*", "is not a variable's name; write it in letters, digits and _")
]
Variables = Annotated[Mapping[Variable, Expanded], AfterValidator(MappingProxyType)]
