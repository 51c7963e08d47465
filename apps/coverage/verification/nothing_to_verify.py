"""Why there is nothing to verify: no date is expected, or all of them are accepted gaps."""

from __future__ import annotations

from apps.coverage.models import Partition
from apps.coverage.verification.report import Report, spans_text

NOT_EXPECTED = "No date is expected of these tables in this range."
ACCEPTED = str(Partition.State.ACCEPTED)


def nothing(report: Report) -> str:
    """A sentence for a report whose verdict is that there was nothing to verify."""
    tables = [table for table in report.tables if table.counts[ACCEPTED]]
    if not tables:
        return NOT_EXPECTED
    spans = {table.dates[ACCEPTED] for table in tables}
    if len(spans) > 1:
        number = sum(table.counts[ACCEPTED] for table in tables)
        return f"All {number:,} expected partitions are accepted gaps."
    number, where = tables[0].counts[ACCEPTED], spans_text(tables[0].dates[ACCEPTED])
    if number == 1:
        return f"The one expected date is an accepted gap: {where}."
    return f"All {number:,} expected dates are accepted gaps: {where}."
