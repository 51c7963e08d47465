"""Credentials for BigQuery: Application Default Credentials, or a service account to impersonate."""

from __future__ import annotations

import os
from typing import Any

import google.auth
from google.auth import impersonated_credentials
from google.auth.credentials import AnonymousCredentials, Credentials
from google.auth.exceptions import RefreshError

from apps.warehouse.bigquery.errors import cannot_act_as, is_about_acting

SCOPES = ("https://www.googleapis.com/auth/bigquery",)
EMULATOR, KEY_FILE = "BIGQUERY_EMULATOR_HOST", "GOOGLE_APPLICATION_CREDENTIALS"


def credentials(impersonate: str | None) -> Credentials:
    """Application Default Credentials, or those of a service account in whose name they may act."""
    if os.environ.get(EMULATOR) and not os.environ.get(KEY_FILE):
        return AnonymousCredentials()
    own, _ = google.auth.default(scopes=SCOPES)
    return ActingAs(own, target_principal=impersonate, target_scopes=SCOPES) if impersonate else own


class ActingAs(impersonated_credentials.Credentials):
    """A service account in whose name ours act; where they may not, it says which role is missing, and where."""

    def refresh(self, request: Any) -> None:
        try:
            super().refresh(request)
        except RefreshError as error:
            if not is_about_acting(error):
                raise  # our own are not accepted; that is another sentence
            ours = getattr(self._source_credentials, "service_account_email", "")
            raise cannot_act_as(error, self.service_account_email, ours=ours) from error
