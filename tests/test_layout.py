"""Folders of the source stay small enough to be known by heart."""

from collections import Counter
from pathlib import Path

import apps

APPS = Path(apps.__path__[0])
MOST = 20


def test_no_folder_has_more_modules_than_the_limit():
    modules = [path for path in APPS.rglob("*.py") if path.name != "__init__.py"]
    side_by_side = Counter(path.parent for path in modules if path.parent.name != "migrations")

    assert {str(folder): count for folder, count in side_by_side.items() if count > MOST} == {}
