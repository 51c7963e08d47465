"""A demo warehouse built once; tests that write get a copy of their own."""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.demo.reference import DEMO, DemoWarehouse


def build(path: Path) -> DemoWarehouse:
    subprocess.run([sys.executable, str(DEMO / "build.py"), "--path", str(path)], check=True)
    return DemoWarehouse(path)


@pytest.fixture(scope="session")
def built(tmp_path_factory) -> DemoWarehouse:
    """The warehouse as built. For reading only."""
    return build(tmp_path_factory.mktemp("demo") / "warehouse.duckdb")


@pytest.fixture
def demo(built, tmp_path) -> DemoWarehouse:
    return built.copied_to(tmp_path)


@pytest.fixture
def rebuilt(tmp_path) -> DemoWarehouse:
    """Built a second time."""
    return build(tmp_path / "again.duckdb")
