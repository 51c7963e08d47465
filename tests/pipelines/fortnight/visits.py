"""A job as owners write it for BigQuery: Google's client, credentials of its own, a date at a time."""

import argparse
import datetime as dt
import os
import sys

from google.auth.credentials import AnonymousCredentials
from google.cloud import bigquery

CLEAR = "DELETE FROM daily.visits WHERE day = @day"
FILL = "INSERT INTO daily.visits (day, item) SELECT day, item FROM daily.sales WHERE day = @day"


def connect():
    has_key = "GOOGLE_APPLICATION_CREDENTIALS" in os.environ
    own = None if has_key else AnonymousCredentials()  # as on loopback
    return bigquery.Client(project=os.environ["SHOP_PROJECT"], location="US", credentials=own)


def log(text):
    print(f"{dt.datetime.now():%Y-%m-%d %H:%M:%S} INFO {text}", file=sys.stderr, flush=True)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--start", type=dt.date.fromisoformat)
    parser.add_argument("--end", type=dt.date.fromisoformat)
    arguments = parser.parse_args()
    client = connect()
    for number in range((arguments.end - arguments.start).days + 1):
        date = arguments.start + dt.timedelta(days=number)
        about = bigquery.QueryJobConfig(query_parameters=[bigquery.ScalarQueryParameter("day", "DATE", date)])
        client.query_and_wait(CLEAR, job_config=about)
        client.query_and_wait(FILL, job_config=about)
        log(f"wrote {date}")


main()
