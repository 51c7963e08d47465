"""Which source serves which need on which dates, what if one were off, and the best dates for a test."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlencode

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_GET

from apps.coverage.counts import freshness
from apps.coverage.models import Scan
from apps.coverage.sources import need_coverage, source_charts, windows
from apps.coverage.sources.need_coverage import NotASource
from apps.coverage.sources.windows import NoSuchWindow, Window, WindowFacts
from apps.pipeline import definition
from apps.pipeline.definition import Pipeline, UnknownName
from apps.pipeline.sections import Season, Table


@require_GET
def index(request: HttpRequest) -> HttpResponse:
    pipeline = definition.current()
    asked = Asked.of(request, pipeline)
    report = need_coverage.report(pipeline, seasons=asked.seasons, off=asked.off)
    context = {
        "coverage": report,
        "freshness": report.freshness,
        "report": report,
        "last_date": report.grid.dates[-1] if report.grid.dates else None,
        "needs": [source_charts.draw(need) for need in report.needs],
        "all_sources": need_coverage.source_tables(pipeline),
        "off_query": urlencode([("off", table.name) for table in asked.off]),
        "scan": Scan.objects.active().first(),
        **asked.shown(pipeline),
    }
    return render(request, "sources/index.html", context)


@require_GET
def test_windows(request: HttpRequest) -> HttpResponse:
    pipeline = definition.current()
    asked = Asked.of(request, pipeline)
    facts = windows.facts_of(pipeline, seasons=asked.seasons)
    named = asked.named_window(facts)
    best = windows.best(facts, days=asked.days)
    context = {
        "freshness": freshness.now(),
        "facts": facts,
        "windows": [shown_window(window, f"{place}. best") for place, window in enumerate(best, 1)],
        "named": shown_window(named, "named") if named else None,
        "unit": pipeline.calendar.unit,
        **asked.shown(pipeline),
    }
    return render(request, "sources/windows.html", context)


def shown_window(window: Window, label: str) -> dict[str, Any]:
    """A window with a strip a need."""
    return {
        "label": label,
        "window": window,
        "needs": [(each, source_charts.strip(each.letters)) for each in window.needs],
    }


@dataclass
class Asked:
    """What the address says. What cannot be done is not done, and `mistakes` say so."""

    season: Season | None = None
    off: list[Table] = field(default_factory=list)
    days: int = windows.DAYS
    start: dt.date | None = None
    mistakes: list[str] = field(default_factory=list)

    @classmethod
    def of(cls, request: HttpRequest, pipeline: Pipeline) -> Asked:
        asked = cls()
        asked.take_season(pipeline, request.GET.get("season", ""))
        for name in dict.fromkeys(request.GET.getlist("off")):
            asked.take_off(pipeline, name)
        asked.take_days(request.GET.get("days", ""))
        asked.take_start(request.GET.get("start", ""))
        return asked

    @property
    def seasons(self) -> list[Season]:
        return [self.season] if self.season else []

    def take_season(self, pipeline: Pipeline, name: str) -> None:
        try:
            self.season = pipeline.season(name) if name else None
        except UnknownName as unknown:
            self.mistakes.append(str(unknown))

    def take_off(self, pipeline: Pipeline, name: str) -> None:
        try:
            self.off += [need_coverage.find_source(pipeline, name)] if name else []
        except (UnknownName, NotASource) as wrong:
            self.mistakes.append(str(wrong))

    def take_days(self, text: str) -> None:
        try:
            self.days = windows.usable(int(text)) if text else windows.DAYS
        except NoSuchWindow as wrong:
            self.mistakes.append(str(wrong))
        except ValueError:
            self.mistakes.append(f'"{text[:40]}" is no number of dates; write one such as 14.')

    def take_start(self, text: str) -> None:
        try:
            self.start = dt.date.fromisoformat(text) if text else None
        except ValueError:
            self.mistakes.append(f'"{text[:40]}" is no date; write it like 2024-01-15.')

    def named_window(self, facts: WindowFacts) -> Window | None:
        try:
            return windows.starting(facts, self.start, days=self.days) if self.start else None
        except NoSuchWindow as wrong:
            self.mistakes.append(str(wrong))
            return None

    def shown(self, pipeline: Pipeline) -> dict[str, Any]:
        newest_first = sorted(pipeline.seasons, key=lambda season: season.start, reverse=True)
        return {"asked": self, "newest_first": newest_first}
