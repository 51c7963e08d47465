"""Templates are read from top to bottom, not sideways."""

from django.conf import settings

TEMPLATES = settings.BASE_DIR / "templates"


def test_no_line_is_longer_than_120_columns():
    long = [
        f"{path.relative_to(TEMPLATES)}:{number}"
        for path in sorted(TEMPLATES.rglob("*.*"))
        for number, line in enumerate(path.read_text().splitlines(), start=1)
        if len(line) > 120
    ]

    assert long == []
