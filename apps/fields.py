"""Columns for what jobs and warehouses say: no secret gets into them (apps.masking)."""

from __future__ import annotations

from typing import Any

from django.db import models

from apps import masking


class MaskedTextField(models.TextField):
    """A text that is masked whenever it is written, whoever writes it."""

    def get_prep_value(self, value: Any) -> Any:
        prepared = super().get_prep_value(value)
        return masking.text(prepared) if isinstance(prepared, str) else prepared

    def deconstruct(self) -> Any:
        """To the database, and so to migrations, it is any text."""
        name, _, args, kwargs = super().deconstruct()
        return name, "django.db.models.TextField", args, kwargs


class MaskedJSONField(models.JSONField):
    """The same of each text within."""

    def get_prep_value(self, value: Any) -> Any:
        return masking.values(super().get_prep_value(value))

    def deconstruct(self) -> Any:
        name, _, args, kwargs = super().deconstruct()
        return name, "django.db.models.JSONField", args, kwargs


class MaskedReportField(MaskedJSONField):
    """The same of each sentence within: single words are names, dates and states that are read back as they were."""

    def get_prep_value(self, value: Any) -> Any:
        return masking.sentences(models.JSONField.get_prep_value(self, value))
