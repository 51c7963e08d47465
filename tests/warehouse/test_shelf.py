"""The shelf, on which tests have many writers, keeps the same contract as the warehouses that it stands for."""

from pathlib import Path

import pytest

from apps.warehouse.base import Unreachable
from tests import shelf
from tests.shelf import Shelf
from tests.warehouse.bigquery_shop import ENDLESS
from tests.warehouse.contract import FIRST, SALES, Contract


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    shelf.make(tmp_path, "shop.sales", '"day" DATE', '"item" BIGINT')
    shelf.put(tmp_path, "shop.sales", "2024-01-01", ["2024-01-01,0", "2024-01-01,1"])
    shelf.put(tmp_path, "shop.sales", "2024-01-02", [f"2024-01-02,{item}" for item in range(3)])
    shelf.put(tmp_path, "shop.sales", shelf.UNDATED, [",1"])
    shelf.make(
        tmp_path, "shop.scores", '"moment" TIMESTAMP', '"score" DOUBLE', '"made" TIMESTAMP', '"spare" BOOLEAN'
    )
    scores = ["2024-01-01 23:59:59,70,2024-01-02 12:30:00,true", "2024-01-01,80,2024-01-02 11:00:00,false"]
    shelf.put(tmp_path, "shop.scores", "2024-01-01", scores)
    history = ('"who" VARCHAR', '"day" DATE', '"status" VARCHAR', '"begun" TIMESTAMP', '"seconds" DOUBLE')
    shelf.make(tmp_path, "shop.history", *history, '"said" VARCHAR')
    first = ["sales,2024-01-01,failed,2024-01-02 06:00:00,2,quota"]
    shelf.put(
        tmp_path, "shop.history", "2024-01-01", [*first, "sales,2024-01-01,success,2024-01-02 07:00:00,9,"]
    )
    third = ["sales,2024-01-03,failed,2024-01-04 06:30:00,1.5,overflow"]
    shelf.put(tmp_path, "shop.history", "2024-01-03", third)
    shelf.make(tmp_path, "shop.words", '"day" VARCHAR')
    shelf.put(tmp_path, "shop.words", shelf.UNDATED, ["yesterday"])
    return tmp_path


@pytest.fixture
def warehouse(folder: Path) -> Shelf:
    return Shelf(folder)


@pytest.fixture
def ask(warehouse: Shelf):
    def execute(sql: str) -> list[tuple]:
        with warehouse.opened(read_only=False) as connection:
            return connection.execute(sql).fetchall()

    return execute


class TestShelf(Contract):
    endless = ENDLESS


def test_a_shelf_can_be_written_while_it_is_read(folder, warehouse):
    with warehouse.opened() as connection:
        shelf.put(folder, "shop.sales", "2024-01-01", ["2024-01-01,0"])
        assert connection.execute("SELECT count(*) FROM shop.sales").fetchone() == (5,)

    assert warehouse.count([SALES]).of("shop.sales", FIRST).rows == 1


def test_a_shelf_that_is_not_there_is_unreachable(tmp_path):
    with pytest.raises(Unreachable, match="nowhere does not exist"):
        Shelf(tmp_path / "nowhere").count([SALES])
