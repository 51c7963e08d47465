"""Workers that are stopped in order, as a deploy does it: that is no accident, and nobody's dates pay for it."""

import pytest

pytestmark = pytest.mark.processes


def test_three_restarts_during_a_long_call_fail_nothing(begin, ask, serve, fault):
    run = begin()
    name = run.served.name

    for restart in range(3):
        job = run.job()
        run.served.stop()
        assert not job.is_running()
        assert run.ask("SELECT count(*) FROM django_q_ormq WHERE key = 'runs'") == [(1,)]  # its lane waits
        if restart == 2:
            fault.mend()
        run.served = serve()

    run.succeeds()
    assert run.is_whole()
    assert (run.attempts("stopped"), run.attempts("lost")) == (3, 0)
    assert run.ask("SELECT DISTINCT attempts FROM runs_step") == [(1,)]
    stops = [line for line in run.timeline() if "was stopped" in line]
    assert stops[0] == (
        f"Attempt 6 was stopped with the workers of {name}, which were told to stop; "
        "its dates are pending again and do not count it"
    )
    assert len(stops) == 3 and not [line for line in run.timeline() if "died" in line]
