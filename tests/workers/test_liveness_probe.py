"""When a cluster counts as silent. Moments are seconds of the monotonic clock."""

import pytest

from apps.workers.liveness_probe import Pulse


@pytest.fixture
def pulse():
    """A cluster that gave its last sign of life at 100 and has been asked at 110."""
    pulse = Pulse(alive_at=100.0)
    pulse.asked(7, now=110.0)
    return pulse


def test_cluster_is_pinged_ten_seconds_after_it_was_last_alive():
    pulse = Pulse(alive_at=100.0)

    assert not pulse.should_ask(109.9)
    assert pulse.should_ask(110.0)


def test_cluster_is_not_pinged_again_while_a_ping_is_pending(pulse):
    assert not pulse.should_ask(115.0)


def test_a_cluster_that_does_not_answer_becomes_silent(pulse):
    assert not pulse.is_silent(120.0)
    assert pulse.is_silent(120.1)


def test_a_cluster_that_answers_is_not_silent(pulse):
    pulse.answered(119.0)

    assert not pulse.is_silent(200.0)
    assert pulse.should_ask(129.0)


def test_excused_cluster_gets_a_later_deadline(pulse):
    pulse.excused(119.0)

    assert not pulse.is_silent(139.0)
    assert pulse.is_silent(139.1)


def test_a_cluster_that_was_asked_late_gets_its_time():
    pulse = Pulse(alive_at=100.0)
    pulse.asked(7, now=500.0)

    assert not pulse.is_silent(509.0)
