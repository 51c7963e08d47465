"""Titles are read on a phone: a date in them stays in one piece, and nothing in them is markup."""

from apps.runs.templatetags.runs import whole_dates


def test_a_date_stays_in_one_piece():
    assert whole_dates("sales, 2024-02-10 to 2024-02-29, all") == (
        'sales, <span class="nowrap">2024-02-10</span> to <span class="nowrap">2024-02-29</span>, all'
    )


def test_markup_in_a_title_is_escaped():
    assert whole_dates("<b>2024-02-10</b>") == '&lt;b&gt;<span class="nowrap">2024-02-10</span>&lt;/b&gt;'


def test_a_text_without_dates_stays_as_it_is():
    assert whole_dates("Phase 3") == "Phase 3"
