"""When a cluster counts as silent. Moments are seconds of the monotonic clock."""

import pytest

from apps.workers.liveness_probe import Pulse


@pytest.fixture
def pulse():
    """A cluster that gave its last sign of life at 100 and has been asked at 110."""
    pulse = Pulse(alive_at=100.0)
    pulse.asked(7, now=110.0)
    return pulse


def test_a_cluster_is_asked_ten_seconds_after_its_last_sign_of_life():
    pulse = Pulse(alive_at=100.0)

    assert not pulse.should_ask(109.9)
    assert pulse.should_ask(110.0)


def test_nobody_is_asked_twice_at_a_time(pulse):
    assert not pulse.should_ask(115.0)


def test_a_cluster_that_does_not_answer_becomes_silent(pulse):
    assert not pulse.is_silent(120.0)
    assert pulse.is_silent(120.1)


def test_a_cluster_that_answers_is_not_silent(pulse):
    pulse.answered(119.0)

    assert not pulse.is_silent(200.0)
    assert pulse.should_ask(129.0)


def test_a_cluster_at_work_is_excused(pulse):
    pulse.excused(119.0)

    assert not pulse.is_silent(139.0)
    assert pulse.is_silent(139.1)


def test_a_cluster_that_was_asked_late_gets_its_time():
    pulse = Pulse(alive_at=100.0)
    pulse.asked(7, now=500.0)

    assert not pulse.is_silent(509.0)
