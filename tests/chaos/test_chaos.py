"""Whatever dies, freezes or is restarted: a run fills every date once, and nothing is left behind.

`make chaos ROUNDS=20 SEED=7` prints what it does to whom; a round that fails is done again with ROUNDS=1 and its seed.
"""

import os
import time

import pytest

pytestmark = [pytest.mark.chaos, pytest.mark.timeout(240)]

ROUNDS = int(os.environ.get("ROUNDS") or 3)
# Processes that share the rounds among them agree on the first seed by the name of what they do together.
TOGETHER = os.environ.get("PYTEST_XDIST_TESTRUNUID")
SEED = int(os.environ.get("SEED") or (int(TOGETHER[:7], 16) if TOGETHER else time.time()))


@pytest.mark.parametrize("seed", range(SEED, SEED + ROUNDS))
def test_run_fills_every_date_once_under_random_faults(chaos, journal, seed):
    round_ = chaos(seed)

    round_.perform()

    print(f"\n{round_.story() if os.environ.get('STORY') else round_.summary()}")
    complaints = round_.complaints(journal)
    assert not complaints, "\n".join([*complaints, round_.story(), f"again: make chaos ROUNDS=1 SEED={seed}"])
