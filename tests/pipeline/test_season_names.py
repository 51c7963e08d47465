"""A season's name is an address: no other page may be there."""

import pytest

from apps.coverage.urls import urlpatterns
from apps.pipeline.sections import TAKEN

FIXED = {str(each.pattern).split("/")[0] for each in urlpatterns} - {"", "<str:name>"}


@pytest.mark.parametrize("word", sorted(FIXED))
def test_no_season_may_be_called_like_another_page(word):
    assert word in TAKEN
