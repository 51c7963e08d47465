"""Pages are compared without the whitespace of their templates, but not if a reader would see it."""

import pytest

from tests.markup import tight, visible_whitespace


@pytest.mark.parametrize(
    "markup",
    [
        "next: <a>plan the gaps </a>. Nothing runs.",
        "next: <a>plan <span>\n 3 </span>\n</a>, then wait",
        '<td class="end"> </td>',
    ],
)
def test_whitespace_that_a_reader_would_see_is_found(markup):
    assert visible_whitespace(markup)


@pytest.mark.parametrize(
    "markup", ["<a>plan</a>.", "<td></td>", "<p>\n  <a>plan</a>.\n</p>", "<pre><b>x </b>.</pre>"]
)
def test_whitespace_of_the_layout_is_not(markup):
    assert not visible_whitespace(markup)


def test_whitespace_inside_tags_is_left_out_and_lines_of_a_log_are_kept():
    assert tight("<p>\n  two\n  words\n</p>") == "<p>two words</p>"
    assert tight("<pre>a\n  b</pre>") == "<pre>a\n  b</pre>"
