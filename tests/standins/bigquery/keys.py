"""Credentials for the stand-in: a service account's key file, which is exchanged for tokens at the stand-in itself."""

from __future__ import annotations

import json
from pathlib import Path

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa


def write(path: Path, url: str, project: str) -> Path:
    """https://developers.google.com/identity/protocols/oauth2/service-account"""
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    secret = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    content = {
        "type": "service_account",
        "project_id": project,
        "private_key_id": "1",
        "private_key": secret.decode(),
        "client_email": f"console@{project}.iam.gserviceaccount.com",
        "client_id": "1",
        "token_uri": f"{url}/token",
    }
    path.write_text(json.dumps(content))
    return path
