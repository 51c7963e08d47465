"""Serves plotly.js as a static file straight out of the installed `plotly` package."""

from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from django.contrib.staticfiles.finders import BaseFinder
from django.core.files.storage import FileSystemStorage, Storage

# The name under which pages ask for it: {% static "plotly.min.js" %}.
SCRIPT = "plotly.min.js"


def package_data() -> Path:
    """The folder of the installed package that holds `plotly.min.js` (importing plotly would cost 0.3 s)."""
    spec = find_spec("plotly")
    assert spec and spec.origin, "plotly is in requirements.in"
    return Path(spec.origin).parent / "package_data"


class PlotlyFinder(BaseFinder):
    """Finds one file, so that nothing else of the package is published."""

    storage = FileSystemStorage(location=package_data())

    def check(self, **kwargs: Any) -> list:
        return []

    def find(self, path: str, find_all: bool = False, **kwargs: Any) -> Any:
        if path != SCRIPT:
            return []
        found = self.storage.path(SCRIPT)
        return [found] if find_all else found

    def list(self, ignore_patterns: Any) -> Iterator[tuple[str, Storage]]:
        yield SCRIPT, self.storage
