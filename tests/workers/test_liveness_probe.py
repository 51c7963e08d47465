"""When a cluster counts as silent. Moments are seconds of the monotonic clock."""

import pytest

from apps.workers.liveness_probe import LivenessProbe


@pytest.fixture
def probe():
    """A cluster that gave its last sign of life at 100 and has been asked at 110."""
    probe = LivenessProbe(alive_at=100.0)
    probe.pinged(7, now=110.0)
    return probe


def test_cluster_is_pinged_ten_seconds_after_it_was_last_alive():
    probe = LivenessProbe(alive_at=100.0)

    assert not probe.should_ping(109.9)
    assert probe.should_ping(110.0)


def test_cluster_is_not_pinged_again_while_a_ping_is_pending(probe):
    assert not probe.should_ping(115.0)


def test_a_cluster_that_does_not_answer_becomes_silent(probe):
    assert not probe.is_silent(120.0)
    assert probe.is_silent(120.1)


def test_a_cluster_that_answers_is_not_silent(probe):
    probe.answered(119.0)

    assert not probe.is_silent(200.0)
    assert probe.should_ping(129.0)


def test_excused_cluster_gets_a_later_deadline(probe):
    probe.excused(119.0)

    assert not probe.is_silent(139.0)
    assert probe.is_silent(139.1)


def test_a_cluster_that_was_asked_late_gets_its_time():
    probe = LivenessProbe(alive_at=100.0)
    probe.pinged(7, now=500.0)

    assert not probe.is_silent(509.0)
