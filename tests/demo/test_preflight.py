"""The demo's 14 checks, all of them really asked on the embedded default."""

import re
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from apps.coverage.scanning import warehouses
from apps.pipeline import definition, scope
from apps.runs.models import Preflight
from apps.runs.preflight import reports
from apps.runs.preflight.finding import Level, Result
from apps.runs.preflight.reports import ShownReport
from apps.warehouse.duckdb import DuckDBWarehouse
from tests.demo.reference import DEMO, days

pytestmark = pytest.mark.django_db(transaction=True)

Check = Callable[..., ShownReport]
WINDOW = {
    "phases": ["3"],
    "start": days("2024-01-15", "2024-01-15")[0],
    "end": days("2024-01-28", "2024-01-28")[0],
}


class LoginPage(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(200 if self.path == "/account/login/" else 404)
        self.end_headers()
        self.wfile.write(b"<button>Log in</button>")

    def log_message(self, *args: object) -> None:
        pass


@pytest.fixture
def web() -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), LoginPage)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


@pytest.fixture
def check(demo, web, workers, settings, monkeypatch) -> Iterator[Check]:
    """A pre-flight of the demo, with its web server and its workers alive."""
    monkeypatch.setenv("DEMO_WAREHOUSE", str(demo.path))
    monkeypatch.setenv("BASE_URL", web)
    settings.PIPELINE = DEMO / "pipeline.toml"
    definition.load.cache_clear()

    def make(*, quick: bool = False, **names) -> ShownReport:
        pipeline = definition.current()
        report = reports.create(scope.scope(pipeline, **names), by="olga", quick=quick)
        reports.perform(report, pipeline, warehouses.open_warehouse(pipeline))
        return reports.shown_report(Preflight.objects.get(pk=report.pk))

    yield make
    definition.load.cache_clear()


def own(told: ShownReport) -> dict[str, Result]:
    """The results of the pipeline file's checks, by their number."""
    return {each.name.split()[0]: each for each in told.results if not each.is_built_in}


def test_quick_preflight_of_the_whole_demo_runs_12_of_14_checks(check):
    told = check(quick=True)

    assert told.counts == "12 of 14 run, 2 skipped; built in: 8 of 8 run"
    assert {number for number, each in own(told).items() if each.level == Level.SKIPPED} == {"11", "12"}
    assert {each.level for number, each in own(told).items() if number not in ("11", "12")} == {Level.PASS}


def test_findings_show_the_coverage_in_the_warehouse(check):
    found = own(check(quick=True))

    assert found["3"].findings[0].value == "635 of 675 (94.07 %)"
    assert found["4"].findings[0].value == "0 of 675 (0 %)"
    assert "player_game_summary 348 of 675 complete" in found["4"].findings[0].detail
    assert found["5"].findings[0].value == "0 of 647 (0 %); 28 not expected (bootstrap)"
    assert [each.value for each in found["8"].findings] == [
        "675 of 675 (100 %)",
        "675 of 675 (100 %)",
        "635 of 675 (94.07 %)",
        "673 of 675 (99.7 %)",
    ]


def test_quick_preflight_takes_three_queries(check, monkeypatch):
    asked = []
    for name in ("count", "calendar"):
        real = getattr(DuckDBWarehouse, name)
        monkeypatch.setattr(
            DuckDBWarehouse, name, lambda *a, real=real, name=name, **k: asked.append(name) or real(*a, **k)
        )

    check(quick=True)

    assert asked == ["calendar", "calendar", "count"]  # the second one for the days that are not final


def test_the_test_window_gets_through_its_dry_runs(check, demo):
    before = demo.rows("team_defense_game_summary")

    told = check(**WINDOW)

    assert told.counts == "11 of 11 run; built in: 8 of 8 run"
    assert len(own(told)["11"].findings) == 5 and own(told)["11"].level == Level.PASS
    assert told.report.elsewhere == ["5 Phase 4 state", "7 Phase 4 jobs exist", "12 Phase 4 dry run"]
    assert told.report.verdict != Preflight.Verdict.NOT_READY
    assert demo.rows("team_defense_game_summary") == before


def test_all_five_jobs_of_phase_4_get_through_a_dry_run(check):
    found = own(check(**WINDOW | {"phases": ["4"]}))["12"].findings

    assert {each.level for each in found} == {Level.PASS} and len(found) == 5
    assert sorted(each.text for each in found if "SQL" in each.text) == [
        "The SQL of player_daily_cache would run.",
        "The SQL of team_defense_zone_analysis would run.",
    ]


def test_preflight_lists_days_with_games_of_which_none_is_final(check):
    found = next(each for each in check(quick=True).results if each.kind == "calendar").worst

    assert found and re.findall(r"\d{4}-\d\d-\d\d", found.text) == ["2021-12-24", "2023-12-09"]


def test_checks_that_query_the_warehouse_do_not_pass_if_it_is_unreachable(check, demo):
    demo.path.rename(demo.path.with_suffix(".away"))

    told = check(quick=True)

    unknown = {number for number, each in own(told).items() if each.level == Level.UNKNOWN}
    assert unknown == {"1", "3", "4", "5", "8", "10"}
    assert own(told)["9"].level == Level.FAILURE
    assert told.report.verdict == Preflight.Verdict.NOT_READY


def test_topic_check_fails_if_the_trigger_table_is_missing(check, demo):
    demo.change("DROP TABLE nba_ops.triggers")

    found = own(check(quick=True))["9"]

    assert found.level == Level.FAILURE and "triggers" in found.findings[0].detail


def test_service_check_fails_if_the_web_server_is_down(check, monkeypatch):
    monkeypatch.setenv("BASE_URL", "http://127.0.0.1:9")
    definition.load.cache_clear()

    assert own(check(quick=True))["2"].level == Level.FAILURE
