"""The form of a pre-flight."""

from __future__ import annotations

from django import forms

from apps.pipeline.form_fields import ScopeForm


class PreflightForm(ScopeForm):
    quick = forms.BooleanField(required=False)
