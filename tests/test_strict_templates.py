"""A template that names what its object does not have fails the test that renders it."""

from types import SimpleNamespace

import pytest
from django.template import Context, Template

from tests.strict_templates import NoSuchAttribute

RUN = SimpleNamespace(pk=7, lanes=[])


@pytest.mark.parametrize(
    "markup", ["{{ run.name }}", "{% if run.name %}{% endif %}", "{% for x in run.steps %}{% endfor %}"]
)
def test_an_attribute_that_does_not_exist_fails(markup):
    with pytest.raises(NoSuchAttribute, match="SimpleNamespace has no such attribute"):
        Template(markup).render(Context({"run": RUN}))


@pytest.mark.parametrize("markup", ["{{ note }}", "{{ note.text }}", "{{ run.lanes.0 }}", "{{ words.key }}"])
def test_what_a_template_was_not_given_is_empty(markup):
    assert Template(markup).render(Context({"run": RUN, "words": {}})) == ""
