"""An address that asks for what nobody knows is told so, and shows all the same."""

import pytest

from tests.runs.pages.conftest import words

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.mark.parametrize(
    ("address", "says"),
    [
        ("/coverage/?phase=9", 'There is no phase "9"; that is left out of the choice.'),
        ("/coverage/winter/?table=nope&state=zzz", 'There is no table "nope", and no state "zzz"'),
        ("/failures/?season=1999&class=oo", 'There is no season "1999", and no class "oo"'),
        ("/runs/?state=foo", 'There is no state "foo"'),
    ],
)
def test_unknown_filter_in_an_address_is_reported(viewing, address, says, first_scan):
    assert says in words(viewing.get(address).content.decode())


@pytest.mark.parametrize(
    "address", ["/coverage/?phase=2&state=gap", "/failures/?class=code", "/runs/?state=paused"]
)
def test_known_filters_in_an_address_give_no_warning(viewing, address, first_scan):
    assert "There is no" not in words(viewing.get(address).content.decode())
