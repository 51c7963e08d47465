"""Random pipelines, jobs that fail at random and an operator who does things at random: what is said is true.

More examples by hand: `RANDOM_RUNS=5000 .venv/bin/pytest tests/random_runs` (CONTRIBUTING.md).
"""

import gc
import itertools
import os
import tempfile
from collections.abc import Callable
from pathlib import Path

import pytest
from django.apps import apps
from django.db import connection, transaction
from hypothesis import HealthCheck, given, seed
from hypothesis import settings as limits
from hypothesis import strategies as some

from apps import timing
from apps.pipeline import definition
from apps.runs.calls import jobs
from tests import duck
from tests.random_runs.operators import Operator
from tests.random_runs.world import FAULTS, Fault, TableSpec, World

pytestmark = pytest.mark.postgresql

# The suite plays the same ones each time, in parts that can be played side by side; by hand they are new ones.
BY_HAND = os.environ.get("RANDOM_RUNS")
PARTS = 8
# What they look for does not hang on the console's database: on PostgreSQL, where each takes longer, they are fewer.
EXAMPLES = int(BY_HAND or (32 if connection.vendor == "sqlite" else 8)) // PARTS
number, bits = some.integers(0, 5), some.integers(1, 63)
calls = some.sampled_from((0, 0, 1, 2))
sizes = some.sampled_from((1, 2, 2, 3, 3, 4, 5, 6))


@some.composite
def tables(draw) -> tuple[TableSpec, ...]:
    specs: list[TableSpec] = []
    for place in range(draw(sizes)):
        earlier = list(range(place))
        after = draw(some.sets(some.sampled_from(earlier), max_size=2)) if earlier else set()
        specs.append(
            TableSpec(
                rule=draw(some.sampled_from(("per_unit", "between"))),
                after=tuple(sorted(after)),
                lookback=draw(some.integers(0, 2)),
                like=draw(some.sampled_from([None, None, *earlier])),
                needs=draw(some.booleans()),
                batch=draw(some.integers(1, 3)),
                style=draw(some.sampled_from(("list", "range", "single"))),
                attempts=draw(some.integers(1, 2)),
                skip=draw(some.sampled_from((0, 0, 1))),
                key=draw(some.booleans()),
                written=draw(some.booleans()),
                share=draw(some.sampled_from((1.0, 0.5))),
            )
        )
    return tuple(specs)


launches = some.tuples(some.just("launch"), some.sampled_from(("missing", "failed", "all")), bits, calls)
verbs = some.one_of(
    launches,
    launches,
    some.tuples(some.just("go_on"), number, calls),
    some.tuples(some.just("retry"), number, calls),
    some.tuples(some.sampled_from(("pause", "cancel", "withdraw", "calendar")), number),
    some.tuples(some.just("accept"), number, number, some.integers(0, 3)),
    some.tuples(some.sampled_from(("lose", "rewrite")), number, number),
    some.tuples(some.just("open_gate"), number, calls),
    some.tuples(some.just("away"), some.sampled_from(("scan", "run"))),
    some.tuples(some.just("scan")),
)
faults = some.lists(
    some.builds(Fault, number, number, some.sampled_from(FAULTS), some.integers(1, 2)), max_size=5
)


@pytest.fixture
def console(transactional_db, monkeypatch):
    """A database to be emptied for each example, and an engine that does not wait for what will not come."""
    monkeypatch.setattr(timing, "WAREHOUSE_RETRY_FOR", 0.0)
    often = gc.get_threshold()
    gc.freeze()  # what was imported is not looked through again for each of the many objects of an example
    gc.set_threshold(100_000, 20, 100)
    with tempfile.TemporaryDirectory(prefix="random-runs-") as folder:
        yield Path(folder), monkeypatch
    gc.set_threshold(*often)
    gc.unfreeze()
    duck.host().close()
    duck.host.cache_clear()


def examples(play: Callable[..., None]) -> Callable[[], None]:
    """Plays it with as many random worlds as one part of the test has."""
    given_worlds = given(
        specs=tables(),
        days=some.integers(2, 4),
        gate=some.integers(1, 8),
        wrong=faults,
        filled=some.integers(0, 63),
        first=launches,
        verbs=some.lists(verbs, max_size=4),
    )
    unhurried = [HealthCheck.too_slow, HealthCheck.data_too_large]
    return limits(max_examples=EXAMPLES, deadline=None, database=None, suppress_health_check=unhurried)(
        given_worlds(play)
    )


def forget_everything() -> None:
    with transaction.atomic(), connection.cursor() as cursor:
        for app in ("runs", "coverage", "alerts", "django_q"):
            for model in apps.get_app_config(app).get_models():
                if model._meta.managed and not model._meta.proxy:
                    cursor.execute(f'DELETE FROM "{model._meta.db_table}"')


@pytest.mark.timeout(300 + 5 * EXAMPLES)
@pytest.mark.parametrize("part", range(PARTS))
def test_console_reports_agree_with_the_oracle_after_random_operations(console, settings, part):
    folder, monkeypatch = console
    worlds = itertools.count(1)

    @examples
    def play(specs, days, gate, wrong, filled, first, verbs):
        forget_everything()
        world = World(folder / str(next(worlds)), specs, days, gate)
        settings.LOG_DIR = world.folder / "logs"
        monkeypatch.setattr(jobs, "run_process", world.call)
        monkeypatch.setattr(definition, "current", lambda: world.pipeline)
        world.expect_faults(wrong)
        world.fill_at_once(name for place, name in enumerate(world.names) if filled >> place & 1)
        operator = Operator(world)
        operator.scan()
        for verb in (first, *verbs):
            operator.do(*verb)
        operator.end()

    if not BY_HAND:
        play = seed(part)(play)
    play()
