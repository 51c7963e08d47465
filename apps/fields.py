"""Columns for texts of jobs and warehouses, in which secrets are masked (apps.masking)."""

from __future__ import annotations

from typing import Any

from django.db import models

from apps import masking


class MaskedTextField(models.TextField):
    """A text that is masked whenever it is written."""

    def get_prep_value(self, value: Any) -> Any:
        prepared = super().get_prep_value(value)
        return masking.text(prepared) if isinstance(prepared, str) else prepared

    def deconstruct(self) -> Any:
        """For the database, and so for migrations, it is a plain TextField."""
        name, _, args, kwargs = super().deconstruct()
        return name, "django.db.models.TextField", args, kwargs


class MaskedJSONField(models.JSONField):
    """JSON in which each text is masked."""

    def get_prep_value(self, value: Any) -> Any:
        return masking.values(super().get_prep_value(value))

    def deconstruct(self) -> Any:
        name, _, args, kwargs = super().deconstruct()
        return name, "django.db.models.JSONField", args, kwargs


class MaskedReportField(MaskedJSONField):
    """JSON in which each sentence is masked: single words are names, dates and states that are read back unchanged."""

    def get_prep_value(self, value: Any) -> Any:
        return masking.sentences(models.JSONField.get_prep_value(self, value))
