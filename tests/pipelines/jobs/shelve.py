"""A job that fills dates of a table on the shelf (tests/shelf.py), taking as long as it is told."""

import argparse
import os
import random
import time

import journal


def fill(table, date, rows, seconds):
    with journal.writing(table, date):
        path = os.path.join(os.environ["TEST_SHELF"], table, f"{date}.csv")
        draft = f"{path}.{os.getpid()}"
        with open(draft, "w") as file:
            for item in range(rows):
                file.write(f"{date},{item}\n")
                time.sleep(seconds / rows)
        os.replace(draft, path)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("table")
    parser.add_argument("--dates", required=True)
    parser.add_argument("--rows", type=int, default=4)
    parser.add_argument(
        "--seconds", type=float, nargs=2, default=(0, 0), help="the least and the most a date"
    )
    arguments = parser.parse_args()
    for date in arguments.dates.split(","):
        seconds = random.Random(arguments.table + date).uniform(*arguments.seconds)
        fill(arguments.table, date, arguments.rows, seconds)
        print(f"wrote {arguments.rows} rows for {date}", flush=True)


main()
