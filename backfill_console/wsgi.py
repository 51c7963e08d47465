"""The WSGI entry point: `gunicorn backfill_console.wsgi`."""

import os

from django.core.wsgi import get_wsgi_application

from backfill_console.startup import need_database, or_one_sentence

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "backfill_console.settings")

# Exit status 3 tells gunicorn not to start another worker; after 1 it would start one after the other.
with or_one_sentence(exit_status=3):
    application = get_wsgi_application()
    need_database()
