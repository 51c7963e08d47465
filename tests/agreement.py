"""Every place that shows a number shows the same: pages, files, shell and mail, compared in whatever state a test made.

    def test_...(agree, run):
        agree(run)

It reads what a person or a program reads, and compares each number with the one of `manage.py coverage --json`,
`manage.py plan --json` or `manage.py backfill --json`.
"""

from __future__ import annotations

import csv
import html
import json
import re
from collections import Counter
from io import StringIO
from typing import Any

from django.core.management import call_command
from django.test import Client
from django.utils.html import escape

from apps.alerts.models import Message
from apps.cli.management.commands import backfill
from apps.coverage.models import Partition
from apps.pipeline.definition import Pipeline
from apps.runs.models import Run

NUMBER = r"([\d,]+)"


def compare(client: Client, pipeline: Pipeline, run: Run | None = None) -> None:
    """Compares all places; with a run also those that speak of it."""
    shell = from_shell("coverage")
    tables = {table["name"]: table for table in shell["tables"]}
    for name, table in tables.items():
        expected = unless_unknown(table)
        assert on_overview(page(client, "/"), name) == expected, f"overview, {name}"
        assert on_maps(page(client, "/coverage/"), pipeline.table(name).short_name) == expected, (
            f"maps, {name}"
        )
    compare_files(client, tables)
    compare_failures(client, tables)
    compare_plans(client, pipeline, shell)
    if run:
        compare_run(client, run)


# Coverage ---------------------------------------------------------------------------------------------


def unless_unknown(table: dict[str, Any]) -> tuple[int, int, int] | None:
    """Complete, expected and not redone; None where nothing of what is expected could be read."""
    if 0 < table["expected"] == table["unknown"]:
        return None
    return table["complete"], table["expected"], table["not_redone"]


def on_overview(text: str, table: str) -> tuple[int, int, int] | None:
    found = re.search(rf'\?table={re.escape(table)}">.*?<span class="count">(.*?)</div>', text, re.DOTALL)
    assert found, f"the overview does not show {table}"
    return counted(found[1])


def on_maps(text: str, short_name: str) -> tuple[int, int, int] | None:
    """The seasons of a table together."""
    row = rf'<span class="name">{escape(short_name)}</span>.*?<span class="count">(.*?)</div>'
    seasons = [counted(found) for found in re.findall(row, text, re.DOTALL)]
    known = [season for season in seasons if season]
    if not known:
        return None
    complete, expected, not_redone = map(sum, zip(*known, strict=True))
    return complete, expected, not_redone


def counted(markup: str) -> tuple[int, int, int] | None:
    text = re.sub(r"<[^>]*>", "", markup)
    share = re.search(rf"{NUMBER} / {NUMBER}", text)
    if not share:
        return None
    again = re.search(rf"{NUMBER} not redone", text)
    return number(share[1]), number(share[2]), number(again[1]) if again else 0


def compare_files(client: Client, tables: dict[str, Any]) -> None:
    """The downloads of partitions, CSV and JSON."""
    lines = list(csv.DictReader(StringIO(download(client, "/coverage/partitions.csv"))))
    as_json = json.loads(download(client, "/coverage/partitions.json"))
    assert [(each["table"], each["date"], each["state"], each["mark"]) for each in lines] == [
        (each["table"], each["date"], each["state"], each["mark"]) for each in as_json
    ]
    for state in ("complete", "missing", "thin", "excess", "stale", "accepted"):
        found = Counter(line["table"] for line in lines if line["state"] == state)
        assert {name: found[name] for name in tables} == {
            name: table[state] for name, table in tables.items()
        }, f"partitions.csv, {state}"


# Failures ---------------------------------------------------------------------------------------------


def compare_failures(client: Client, tables: dict[str, Any]) -> None:
    expected = {name: table["failed"] for name, table in tables.items() if table["failed"]}
    stored = Counter(Partition.objects.open_failures().values_list("table", flat=True))
    assert dict(stored) == expected, "open failures"
    lines = list(csv.DictReader(StringIO(download(client, "/failures/failures.csv"))))
    assert Counter(line["table"] for line in lines if line["run"]) == Counter(expected), "failures.csv"
    said = re.search(rf"{NUMBER} partitions? open", page(client, "/failures/"))
    assert (number(said[1]) if said else 0) == sum(expected.values()), "page of failures"
    dates = re.findall(
        rf'data-label="Dates">{NUMBER}', page(client, "/").partition("<h2>Open failures</h2>")[2]
    )
    if "more kind" not in page(client, "/"):
        assert sum(map(number, dates)) == sum(expected.values()), "open failures of the overview"


# Plans ------------------------------------------------------------------------------------------------


def compare_plans(client: Client, pipeline: Pipeline, shell: dict[str, Any]) -> None:
    """The shell, the launch form and the number on a button, of all phases and of each."""
    names = [phase.name for phase in pipeline.phases if any(t.job for t in pipeline.tables_of(phase.name))]
    whole = "&".join(f"phase={name}" for name in names)
    plan = from_shell("plan")
    everything = plan["steps"]
    if shell["to_plan"] is None:
        return
    assert plan.get("behind_gaps") == shell.get("behind_gaps"), "what would be skipped"
    if behind := plan.get("behind_gaps"):
        said = f"{behind['steps']:,} more would be skipped, behind {behind['dates']:,} date"
        assert said in page(client, f"/runs/plan/steps/?{whole}"), "what would be skipped, on a button"
    assert everything == shell["to_plan"] == on_button(client, whole), "plan of everything"
    for name in names:
        assert from_shell("plan", "--phase", name)["steps"] == on_button(client, f"phase={name}"), name


def on_button(client: Client, query: str) -> int:
    return number(re.findall(NUMBER, page(client, f"/runs/plan/steps/?{query}"))[0])


# A run ------------------------------------------------------------------------------------------------


def compare_run(client: Client, run: Run) -> None:
    """Its page, its steps and failures as CSV, its summary and mail once it is over, and its JSON."""
    run.refresh_from_db()
    shell = backfill.result(run)
    verified, total = shell["succeeded"], run.steps.count()
    steps = Counter(
        line["state"] for line in csv.DictReader(StringIO(download(client, f"/runs/{run.pk}/steps.csv")))
    )
    for status in ("failed", "skipped", "cancelled"):
        assert steps[status] == shell[status], f"steps.csv, {status}"
    assert steps.total() == total
    lines = list(csv.DictReader(StringIO(download(client, f"/runs/{run.pk}/failures.csv"))))
    assert len(lines) == shell["failed"] + shell["skipped"], "failures.csv of the run"
    assert f"{verified:,} verified" in page(client, run.get_absolute_url()), "page of the run"
    if run.is_finished:
        share = f"{verified:,} of {total:,} step{'' if total == 1 else 's'} verified"
        assert share in text(page(client, f"/runs/{run.pk}/summary/")), "summary"
    for mail in Message.objects.filter(run_id=run.pk).order_by("-id")[:1]:
        assert not run.is_finished or f"{verified:,} of {total:,} verified" in mail.text, "mail"


# Reading ----------------------------------------------------------------------------------------------


def from_shell(*words: str) -> dict[str, Any]:
    out = StringIO()
    call_command(*words, "--json", stdout=out)
    found: dict[str, Any] = json.loads(out.getvalue())
    return found


def page(client: Client, address: str) -> str:
    response = client.get(address)
    assert response.status_code == 200, (address, response.status_code)
    return html.unescape(response.content.decode())


def download(client: Client, address: str) -> str:
    return b"".join(client.get(address).streaming_content).decode()


def text(markup: str) -> str:
    return " ".join(re.sub(r"<[^>]*>", " ", markup).split())


def number(words: str) -> int:
    return int(words.replace(",", ""))
