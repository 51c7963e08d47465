"""The version of a run's page: it changes when anything shown there does; one query."""

from __future__ import annotations

import datetime as dt

from django.db.models import Count, Exists, OuterRef, Subquery
from django.db.models.fields import IntegerField

from apps.runs.models import Attempt, Event, Lane, Run, Step
from apps.runs.pages.run_status import workers_alive

FRESH_FOR = 30  # seconds after which estimates are sent again although nothing happened


def version(pk: int, *, now: dt.datetime) -> tuple[str, str] | None:
    """Two words that change when the page's head, or anything below it, does; None if there is no such run."""
    found = (
        Run.objects.filter(pk=pk)
        .values_list(
            "status",
            "pause_reason",
            "request",
            "override_reason",
            newest(Attempt, "commit"),
            Exists(Lane.objects.held(now).filter(run=OuterRef("pk"))),
            "lanes",
            newest(Event, "id"),
            newest(Attempt, "number"),
            number_of(Attempt, Attempt.Status.RUNNING),
            number_of(Step, Step.Status.PENDING),
            last_end(),
        )
        .first()
    )
    if found is None:
        return None
    status, pause, request, override, commit, is_held, *rest = found
    head = f"{status}{pause}{request}{bool(override)}{commit or ''}".replace(" ", "")
    clock = int(now.timestamp()) // FRESH_FOR
    return head, "-".join(map(str, (head, is_held, workers_alive(now) > 0, clock, *rest))).replace(" ", "")


def newest(model: type[Event] | type[Attempt], column: str) -> Subquery:
    rows = model._default_manager.filter(run=OuterRef("pk"))
    order = "-number" if model is Attempt else "-id"
    return Subquery(rows.order_by(order).values(column)[:1])


def last_end() -> Subquery:
    """When the run's last step ended."""
    rows = Step.objects.filter(run=OuterRef("pk"), finished_at__isnull=False)
    return Subquery(rows.order_by("-finished_at").values("finished_at")[:1])


def number_of(model: type[Attempt] | type[Step], status: str) -> Subquery:
    rows = model._default_manager.filter(run=OuterRef("pk"), status=status).order_by().values("run")
    return Subquery(rows.annotate(number=Count("id")).values("number"), output_field=IntegerField())
