"""BigQuery's REST API on loopback, with DuckDB behind it: what the real client needs, told what to get wrong.

Where it answers as the documentation says, the code names the page.
"""

from tests.standins.bigquery.server import PROJECT, StandIn

__all__ = ["PROJECT", "StandIn"]
