"""The WSGI entry point: `gunicorn backfill_console.wsgi`."""

import os

from django.core.wsgi import get_wsgi_application

from backfill_console.startup import need_database, or_one_sentence

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "backfill_console.settings")

# To gunicorn 3 means that a new worker would fare no better; at 1 it would start one after the other.
with or_one_sentence(exit_status=3):
    application = get_wsgi_application()
    need_database()
