"""BigQuery's client takes seconds to import and much memory, so only those who ask the warehouse load it."""

import os
import subprocess
import sys
from pathlib import Path

PROGRAM = """
import django, sys
django.setup()
from django.urls import get_resolver
get_resolver().url_patterns
print([name for name in ("google.cloud.bigquery", "sqlglot", "duckdb") if name in sys.modules])
"""


def test_a_web_process_loads_no_engine():
    said = subprocess.run(
        [sys.executable, "-c", PROGRAM],
        cwd=Path(__file__).parents[2],
        env=os.environ | {"DJANGO_SETTINGS_MODULE": "backfill_console.settings", "DEBUG": "1"},
        capture_output=True,
        text=True,
        check=True,
    )

    assert said.stdout.strip() == "[]"
