"""Static files are served compressed."""

import brotli
from django.contrib.staticfiles.storage import StaticFilesStorage

from backfill_console.static_files import HashedFiles


def test_a_collected_script_is_stored_as_brotli_too(settings, tmp_path):
    script = b"function plan(dates) { return dates.length }\n" * 100
    settings.STATIC_ROOT = tmp_path / "static"
    source = tmp_path / "source"
    source.mkdir()
    (source / "plan.js").write_bytes(script)
    storage = HashedFiles(location=str(settings.STATIC_ROOT), base_url="/static/")
    with (source / "plan.js").open("rb") as content:
        storage.save("plan.js", content)

    list(storage.post_process({"plan.js": (StaticFilesStorage(location=str(source)), "plan.js")}))

    stored = storage.path(storage.stored_name("plan.js"))
    with open(f"{stored}.br", "rb") as compressed:
        assert brotli.decompress(compressed.read()) == script
