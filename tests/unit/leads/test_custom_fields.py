"""Values of a company's own fields, as callers send them."""

from typing import Any

import pytest

from libs.common.web.refusals import Refused
from services.leads.domain.custom_fields import merged


@pytest.mark.parametrize("value", [10**400, -(10**400), 10**15, 1e308, float("inf"), float("nan"), True, "1"])
def test_what_is_no_number_that_every_reader_has_exactly_is_refused(value: Any) -> None:
    with pytest.raises(Refused) as caught:
        merged(None, {"budget": value}, {"budget": "number"})
    assert [(each.code, each.pointer) for each in caught.value.errors] == [("field_type", "/custom_fields/budget")]
