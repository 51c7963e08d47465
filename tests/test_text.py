"""Times and counts as people say them."""

import pytest

from apps.text import count, duration, duration_range, short_names


@pytest.mark.parametrize(
    ("seconds", "said"),
    [
        (0.421, "0.42 s"),
        (4.21, "4.2 s"),
        (50.4, "50 s"),
        (119, "119 s"),
        (360, "6 min"),
        (3599, "1 h"),
        (4800, "1 h 20 min"),
        (7200, "2 h"),
        (183_600, "2 d 3 h"),
        (172_800, "2 d"),
    ],
)
def test_the_precision_of_a_duration_depends_on_its_length(seconds, said):
    assert duration(seconds) == said


@pytest.mark.parametrize(
    ("low", "high", "said"),
    [
        (0.1, 0.4, "less than a minute"),
        (13.2, 16.4, "less than a minute"),
        (2, 78, "about a minute"),
        (2, 200, "less than 4 min"),
        (50, 200, "1 to 3 min"),
        (300, 310, "about 5 min"),
        (360, 540, "6 to 9 min"),
        (3000, 3590, "50 min to 1 h"),
        (3000, 4800, "50 min to 1 h 20 min"),
        (4800, 6600, "1 h 20 min to 1 h 50 min"),
        (57_600, 93_600, "16 h to 1 d 2 h"),
        (7200, 10_800, "2 to 3 h"),
    ],
)
def test_a_range_of_durations_is_never_finer_than_a_minute(low, high, said):
    assert duration_range(low, high) == said


def test_a_count_of_one_is_singular():
    assert (count(1, "step"), count(1045, "step")) == ("1 step", "1,045 steps")


@pytest.mark.parametrize(
    ("names", "short"),
    [
        (["raw.orders", "mart.sales"], ["orders", "sales"]),
        (["raw.orders", "mart.orders", "mart.sales"], ["raw.orders", "mart.orders", "sales"]),
        (["p.raw.orders", "q.raw.orders", "p.mart.orders"], ["p.raw.orders", "q.raw.orders", "mart.orders"]),
        (["orders", "raw.orders"], ["orders", "raw.orders"]),
        (["raw.orders", "raw.orders"], ["orders"]),
    ],
)
def test_two_tables_never_have_one_short_name(names, short):
    assert list(short_names(names).values()) == short
