"""What a person reads who made a mistake in a `[[check]]`."""

# A mistake a line: the table is read downwards.
# ruff: noqa: E501

import pytest

CHECK = 'check "Mine"'


@pytest.mark.parametrize(
    ("block", "says"),
    [
        ('kind = "fil"', f'{CHECK} > kind = "fil" is not known; write one of "credentials", "dataset", "table", "coverage", "file", "must_contain", "python", "command", "http", "dry_run", "cost", "quota", "workers", "overlap", "calendar", "lookback", "mail", "disk", "commit"'),
        ("", f"{CHECK} > kind is missing; add it"),
        ('kind = "file"\nfile = "x"', f"{CHECK} > file: unknown key; did you mean files? Correct or remove it"),
        ('kind = "command"', f"{CHECK} > command is missing; add it"),
        ('kind = "command"\ncommand = []', f"{CHECK} > command = [] is empty; fill it in"),
        ('kind = "command"\ncommand = "x | y"', f'{CHECK} > command = "x | y" is not a list; write [...]'),
        ('kind = "command"\ncommand = ["x"]\npattern = "("', f'{CHECK} > pattern = "(" is not a regular expression (missing ), unterminated subpattern at position 0); correct it'),
        ('kind = "http"\nurl = "file:///etc/passwd"', f'{CHECK} > url = "file:///etc/passwd" is not an address; write one that begins with http:// or https://'),
        ('kind = "coverage"\nat_least = 90', f"{CHECK} > at_least = 90 is too large; write 1 or less"),
        ('kind = "coverage"\ntables = ["raw.order"]', f'{CHECK}: tables names "raw.order", which is not in this file; correct it'),
        ('kind = "coverage"\nneeds = ["Order"]', f'{CHECK}: needs names "Order", which is not in this file; correct it'),
        ('kind = "dry_run"\nphases = ["9"]', f'{CHECK}: phases names "9", which is not in this file; correct it'),
        ('kind = "cost"\nat_most = "50"', f'{CHECK} > at_most = "50" is not a size; write one such as "500 MB", "100 GB" or "1 TB"'),
        ('kind = "cost"\nat_most_price = 5.0', f"{CHECK}: at_most_price needs the price of a TB; add price to [warehouse] of an engine that bills, or give at_most"),
        ('kind = "disk"\ntimeout = "soon"', f'{CHECK} > timeout = "soon" is not a time; write one such as "90s", "30m" or "1h"'),
        ('kind = "disk"\nseverity = "bad"', f'{CHECK} > severity = "bad" is not known; write "critical" or "warning"'),
        ('kind = "python"\nmodules = ["a b"]', f'{CHECK} > modules = ["a b"] "a b" is no name of a module; write one such as google.cloud'),
        ('kind = "must_contain"\nwords = ["x"]', f"{CHECK}: give files and the words that each of them must contain, or neither"),
    ],
)  # fmt: skip
def test_a_mistake_in_a_check_is_reported_in_one_sentence(problems, shop, block, says):
    text = (shop.parent / "shop.toml").read_text()

    assert problems(f'{text}\n[[check]]\nname = "Mine"\n{block}\n') == [says]


def test_two_checks_of_one_name_are_refused(problems, shop):
    block = '[[check]]\nname = "Mine"\nkind = "disk"\n'

    assert problems((shop.parent / "shop.toml").read_text() + block * 2) == [
        'check "Mine" is there twice; rename or remove one'
    ]
