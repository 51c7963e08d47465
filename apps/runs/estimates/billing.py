"""What a run's SQL jobs billed, by the warehouse, beside the forecast."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, NamedTuple

from django.db.models import Count, Q, Sum

from apps.db_retry import retry_on_db_outage
from apps.pipeline.definition import Pipeline
from apps.pipeline.sections import BigQuery
from apps.runs.models import Attempt, Run
from apps.text import count, money, money_range, size, size_range
from apps.warehouse.base import Billing, Unreachable, Warehouse, WarehouseError

log = logging.getLogger(__name__)

TERABYTE = 1024**4
A_CALL = "bytes_a_call"  # in the data of a finding: by season the samples, each as [dates, least, most]
OVER = (Attempt.Status.ENDED, Attempt.Status.TIMED_OUT, Attempt.Status.STOPPED, Attempt.Status.LOST)


def is_sql(pipeline: Pipeline, table: str) -> bool:
    job = pipeline.table(table).job
    return bool(job and job.sql)


# What it would be -----------------------------------------------------------------------------------


class Sample(NamedTuple):
    """What a dry run of a call says that it would bill: bytes, at least and at most."""

    dates: int
    least: int
    most: int

    def of(self, dates: int) -> tuple[float, float]:
        """The same for another number of dates: a smaller call may bill as much as a larger one did, and a larger one
        no more than the smaller."""
        ratio = dates / self.dates
        return self.least * min(ratio, 1), self.most * max(ratio, 1)


def estimate(samples: Sequence[Sample], sizes: Iterable[int]) -> tuple[float, float]:
    """What calls of so many dates each would bill together, by those samples that are alike, else by all of them."""
    least = most = 0.0
    for dates, times in Counter(sizes).items():
        alike = [each for each in samples if each.dates == dates] or samples
        ends = [each.of(dates) for each in alike]
        least += times * min(low for low, _ in ends)
        most += times * max(high for _, high in ends)
    return least, most


# What came of it ------------------------------------------------------------------------------------


@contextmanager
def store_when_done(attempt: Attempt, warehouse: Warehouse) -> Iterator[None]:
    """Stores the bytes billed by the attempt's job when the block ends, also if it failed."""
    answers = True
    try:
        yield
    except Unreachable:
        answers = False  # then it cannot say what it billed either
        raise
    finally:
        if answers:
            retry_on_db_outage(lambda: store_billed_bytes(attempt, warehouse))


def store_billed_bytes(attempt: Attempt, warehouse: Warehouse) -> None:
    """Stores the bytes billed by the attempt's job; they stay unknown if the warehouse cannot say."""
    if not isinstance(warehouse, Billing):
        return
    try:
        found = warehouse.billed(attempt.job_id)
    except WarehouseError as error:
        log.warning("%s: what it billed could not be asked: %s", attempt, error)
        return
    Attempt.objects.filter(pk=attempt.pk).update(bytes_billed=found)


@dataclass(frozen=True)
class Bill:
    """What a run's SQL jobs billed so far, for how many calls it is unknown, and what was forecast for all steps."""

    engine: BigQuery
    bytes_billed: int
    calls: int
    unknown: int
    forecast: tuple[float, float] | None

    @property
    def billed(self) -> str:
        """ "1.2 GB, 0.01 USD"; at least that, where some calls are unknown."""
        if self.calls == self.unknown:
            return "unknown" if self.calls else "nothing yet"
        said = with_money(size(self.bytes_billed), self.price(self.bytes_billed))
        if not self.unknown:
            return said
        return f"at least {said}: of {count(self.unknown, 'call')} it is not known"

    @property
    def forecast_in_words(self) -> str:
        return cost_range(*self.forecast, self.engine) if self.forecast else ""

    @property
    def verdict(self) -> str:
        """Actual against forecast: "as forecast", "more than forecast"; empty if one of them is not known."""
        if not self.forecast or self.unknown:
            return ""
        return against_forecast(self.bytes_billed, self.forecast, less="less", more="more")

    @property
    def says(self) -> str:
        """ "1.2 GB, 0.01 USD; forecast for all steps 1 to 1.3 GB, 0.01 USD"."""
        return f"{self.billed}; forecast for all steps {self.forecast_in_words or 'none'}"

    def price(self, bytes_billed: float) -> str:
        return money(in_money(bytes_billed, self.engine), self.engine.currency) if self.engine.price else ""

    def as_json(self) -> dict[str, Any]:
        return {
            "bytes": self.bytes_billed if self.calls > self.unknown else None,
            "calls": self.calls,
            "calls_unknown": self.unknown,
            "forecast_bytes": list(self.forecast) if self.forecast else None,
            "text": self.says,
        }


def bill_of(run: Run, pipeline: Pipeline) -> Bill | None:
    """None if the warehouse bills nothing, or the run has no SQL job."""
    engine = pipeline.warehouse
    if not isinstance(engine, BigQuery):
        return None
    found = run.attempts.filter(argv__0="sql", status__in=OVER).aggregate(
        total=Sum("bytes_billed", default=0),
        calls=Count("id"),
        unknown=Count("id", filter=Q(bytes_billed=None)),
    )
    launched = run.events.filter(kind="launched").values_list("data", flat=True).first() or {}
    expected = launched.get("forecast_bytes")
    if not found["calls"] and not expected:
        return None
    return Bill(
        engine, found["total"], found["calls"], found["unknown"], tuple(expected) if expected else None
    )


# In words -------------------------------------------------------------------------------------------


def against_forecast(actual: float, forecast: tuple[float, float], *, less: str, more: str) -> str:
    """ "as forecast", or with one of the words "slower than forecast"."""
    low, high = forecast
    if low <= actual <= high:
        return "as forecast"
    return f"{less if actual < low else more} than forecast"


def cost_range(low: float, high: float, engine: BigQuery) -> str:
    """ "1 to 1.3 GB, 0.01 USD"."""
    price = ""
    if engine.price:
        price = money_range(in_money(low, engine), in_money(high, engine), engine.currency)
    return with_money(size_range(low, high), price)


def in_money(bytes_billed: float, engine: BigQuery) -> float:
    return bytes_billed / TERABYTE * (engine.price or 0.0)


def with_money(said: str, price: str) -> str:
    return f"{said}, {price}" if price else said
