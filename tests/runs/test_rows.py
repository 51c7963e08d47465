"""Steps that were launched are complete, though they were written without objects."""

import pytest
from django.db import models

from apps.runs.models import Step

pytestmark = pytest.mark.postgresql


def values(step: Step) -> dict[str, object]:
    fields = [field for field in Step._meta.concrete_fields if not isinstance(field, models.AutoField)]
    return {field.attname: getattr(step, field.attname) for field in fields}


def test_a_launched_step_is_like_one_made_as_an_object(launch):
    run = launch(tables=["daily.sales"])
    step = run.steps.last()
    told = ("position", "phase", "table", "date", "season", "units")

    twin = Step(run=run, **{name: getattr(step, name) for name in told})

    assert values(step) == values(twin)
