"""Pages as tests compare them: without the whitespace that lays out a template and that no browser shows."""

import re
from typing import Any

from django.http import HttpResponse
from django.test import Client

WRITTEN_AS_SHOWN = re.compile(r"(<(pre|textarea)\b.*?</\2\s*>)", re.S)
AFTER_AN_OPENING_TAG = re.compile(r"(<[a-z][^>]*>) ")
BEFORE_A_CLOSING_TAG = re.compile(r" (</[a-z])")
BETWEEN_BLOCKS = re.compile(r"(</(?:dd|div|dt|li|p|td|th|tr)>) (?=<)")

# `td:empty` hides a cell on narrow pages, and matches no cell with whitespace.
SEEN = re.compile(r"\s(?:</\w+>\s*)*</(?:a|b|code|em|span|strong|time)>[.,;:](?=[\s<])|<td[^>]*>\s+</td>")

request_of_django = Client.request


def request_tight(client: Client, **request: Any) -> HttpResponse:
    """What `django.test.Client.request` answers, tight where it is HTML; but lines of a log, which go into a <pre>."""
    response = request_of_django(client, **request)
    is_html = response.headers.get("Content-Type", "").startswith("text/html")
    if is_html and not response.streaming and not request["PATH_INFO"].endswith("/tail/"):
        markup = response.content.decode()
        assert not visible_whitespace(markup), request["PATH_INFO"]
        response.content = tight(markup).encode()
    return response


def visible_whitespace(markup: str) -> list[str]:
    """Whitespace of a template that a reader would see: before a full stop, or in a cell that should be empty."""
    return [found[0] for found in SEEN.finditer(WRITTEN_AS_SHOWN.sub("", markup))]


def tight(markup: str) -> str:
    pieces = WRITTEN_AS_SHOWN.split(
        markup
    )  # every third one is an element, and every third one after that its name
    pieces[::3] = map(without_layout, pieces[::3])
    del pieces[2::3]
    return "".join(pieces)


def without_layout(markup: str) -> str:
    markup = re.sub(r"\s+", " ", markup).replace(" >", ">")
    for whitespace in (AFTER_AN_OPENING_TAG, BEFORE_A_CLOSING_TAG, BETWEEN_BLOCKS):
        markup = whitespace.sub(r"\1", markup)
    return markup
