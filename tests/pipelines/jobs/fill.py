"""A job as people write them: fills dates one by one, logs on stderr, and ends with 0 whatever happened.

What it should do wrong on a date is written in the file `faults.json` beside the warehouse.
"""

import argparse
import datetime as dt
import json
import os
import random
import sys
import time

import _duckdb as duckdb  # the compiled part alone: it starts in a quarter of the time
import journal

ROWS_AN_ORDER = {"daily.sales": 2, "daily.visits": 2}


def connect():
    deadline = time.monotonic() + 10
    while True:
        try:
            return duckdb.connect(os.environ["SHOP_WAREHOUSE"])
        except duckdb.IOException:
            if time.monotonic() > deadline:
                raise
            time.sleep(random.uniform(0.005, 0.05))


def log(level, text):
    print(f"{dt.datetime.now():%Y-%m-%d %H:%M:%S} {level} {text}", file=sys.stderr, flush=True)


def wanted_dates(arguments):
    if arguments.dates:
        return [dt.date.fromisoformat(date) for date in arguments.dates.split(",")]
    days = (arguments.end - arguments.start).days + 1
    return [arguments.start + dt.timedelta(days=day) for day in range(days)]


def planted_fault(table, date):
    path = os.path.join(os.path.dirname(os.environ["SHOP_WAREHOUSE"]), "faults.json")
    try:
        with open(path) as file:
            return json.load(file).get(f"{table} {date}", "")
    except FileNotFoundError:
        return ""


def fill(table, date):
    with connect() as warehouse:
        orders = warehouse.execute("SELECT orders FROM raw.days WHERE open AND day = ?", [date]).fetchone()
    if not orders:
        log("INFO", f"{date}: nothing to do")
        return
    fault = planted_fault(table, date)
    rows = different = orders[0] * ROWS_AN_ORDER[table]
    if fault.startswith("sleep"):
        time.sleep(float(fault.split()[1]))
    elif fault == "silent":
        log("INFO", "success, 0 records")
        return
    elif fault == "overflow":
        raise ValueError(f"numeric overflow: amount {1000 + date.toordinal() % 97}.5 exceeds DECIMAL(5,2)")
    elif fault == "abort":
        log("ERROR", "no connection to the till")
        sys.exit(1)
    elif fault == "crash":
        os._exit(3)
    elif fault.startswith("also "):  # a statement beside the job's own work
        with connect() as warehouse:
            warehouse.execute(fault.removeprefix("also "))
    elif fault.startswith("hang after "):
        with connect() as warehouse:
            warehouse.execute(fault.removeprefix("hang after "))
        log("INFO", "hangs")
        time.sleep(60)
    elif fault.startswith("elsewhere "):
        date = dt.date.fromisoformat(fault.split()[1])
    elif fault == "exit 1":
        pass  # once all is written
    elif fault.endswith(" different keys"):
        different = int(fault.split()[0])
    elif fault:
        rows = different = int(rows * float(fault))
    columns = ", current_timestamp::TIMESTAMP" if table == "daily.sales" else ""
    values = [date, max(different, 1), rows]
    with journal.writing(table, date), connect() as warehouse:
        warehouse.execute("BEGIN")
        warehouse.execute(f"DELETE FROM {table} WHERE day = ?", [date])
        warehouse.execute(f"INSERT INTO {table} SELECT ?, i % ?{columns} FROM range(?) rows(i)", values)
        warehouse.execute("COMMIT")
    log("INFO", f"wrote {rows} rows")
    if fault == "exit 1":
        os._exit(1)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("table")
    parser.add_argument("--start", type=dt.date.fromisoformat)
    parser.add_argument("--end", type=dt.date.fromisoformat)
    parser.add_argument("--dates")
    parser.add_argument("--safe", action="store_true")
    arguments = parser.parse_args()
    dates = wanted_dates(arguments)
    for number, date in enumerate(dates, 1):
        log("INFO", f"Processing day {number}/{len(dates)}: {date}")
        try:
            fill(arguments.table, date)
        except Exception as error:
            log("ERROR", f"failed: {error}")


main()
