"""Styles and markup belong together: nothing is styled that is not there, and no class is there for nothing.

A class that only a script or a test looks for is not styled; its name says so by beginning with `js-`.
"""

import re
from collections.abc import Iterable

from django.conf import settings

TEMPLATES, STATIC = settings.BASE_DIR / "templates", settings.BASE_DIR / "static"
DJANGO = re.compile(r"\{%.*?%\}|\{#.*?#\}")
# Who sets a class that nobody here does: htmx while it asks, Plotly in a map, Django around what is wrong with a field.
LIBRARIES = {"htmx-request", "drag", "errorlist"}


def read(paths: Iterable) -> str:
    return "\n".join(path.read_text() for path in paths)


MARKUP = read(TEMPLATES.rglob("*.html"))
SCRIPTS = read((STATIC / "js").glob("*.js"))
PYTHON = read(
    path for folder in ("apps", "backfill_console") for path in (settings.BASE_DIR / folder).rglob("*.py")
)
# Mails bring their styles along.
STYLES = read([*(STATIC / "css").glob("*.css"), TEMPLATES / "alerts/mail/_style.html"])
STYLES = re.sub(r"/\*.*?\*/", "", STYLES, flags=re.S)

# Classes as they are written, also composed ones such as `state-{{ state }}`.
WRITTEN = re.compile(
    r'class=\\?"((?:\{%.*?%\}|[^"])*)"|"class": "([^"]*)"'  # of an element, and of a field of a form
    r'|page_class %\}(.*?)\{%|(?:kind|place)="((?:ask|btn)-[^"]*)"'  # handed to a template
    r'|className = ["`](.*?)["`]|classList\.add\((.*)\)'  # of a script
)


def quoted(source: str) -> set[str]:
    return {text for pair in re.findall(r'"([^"\n]*)"|\'([^\'\n]*)\'', source) for text in pair}


def classes(source: str) -> set[str]:
    """With `{{` at the end where the rest of the name is only known later."""
    found = " ".join("".join(groups) for groups in WRITTEN.findall(source))
    found = re.sub(r"(\{\{|\$\{).*?\}+", "{{", DJANGO.sub(" ", found))
    return set(re.findall(r"[\w-]+(?:\{\{)?", found))


STYLED = set(re.findall(r"\.([a-z][\w-]*)", " ".join(re.findall(r"([^{};]+)\{", STYLES))))
USED = classes(MARKUP) | classes(SCRIPTS) | classes(PYTHON)
BEGINNINGS = {name.removesuffix("{{") for name in USED if name.endswith("{{")}
NAMES = {word for text in quoted(PYTHON + MARKUP) for word in text.replace("{", " ").split()}


def is_composed(name: str) -> bool:
    """`state-thin` of `state-{{ state }}` where something is called thin; `fill-units-2` of f"units-{level}"."""
    ends = [name.removeprefix(beginning) for beginning in BEGINNINGS if name.startswith(beginning)]
    return any(end in NAMES or re.sub(r"\d+$", "", end) in NAMES for end in ends)


def test_every_styled_class_is_used():
    assert {name for name in STYLED - USED - LIBRARIES if not is_composed(name)} == set()


def test_every_class_of_a_template_is_styled_or_a_hook():
    plain = {name for name in classes(MARKUP) if not name.endswith("{{")}
    assert {name for name in plain - STYLED if not name.startswith("js-")} == set()


def test_every_composed_class_is_styled_for_some_value():
    assert {start for start in BEGINNINGS if not any(name.startswith(start) for name in STYLED)} == set()


def test_every_custom_property_is_used():
    """By a style; or by a script, which knows a state's colour by its name: `redo skipped` is --redo-skipped."""
    defined = set(re.findall(r"--([\w-]+)\s*:", STYLES))
    named = quoted(SCRIPTS) | {text.replace(" ", "-") for text in quoted(PYTHON)}
    assert defined - set(re.findall(r"var\(--([\w-]+)", STYLES)) - named == set()
