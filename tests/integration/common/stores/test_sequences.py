"""A sequence that nears its end is seen long before an insert fails."""

import pytest
from prometheus_client import REGISTRY

from libs.common.stores.postgres import Postgres
from libs.common.stores.sequences import SequenceWatch
from tests.support.readers import Stored

NAME = "lead_channels_id_seq"


@pytest.mark.parametrize(("number", "warned"), [(1_717_000_000, False), (1_720_000_000, True)])
async def test_a_sequence_is_warned_of_from_four_fifths_on(
    postgres: Postgres, db: Stored, number: int, warned: bool
) -> None:
    before = await db.value(f"SELECT last_value FROM amigocare.{NAME}")
    await db.execute(f"SELECT setval('amigocare.{NAME}', :n)", n=number)
    try:
        assert (NAME in await SequenceWatch(postgres).look_once()) is warned
        used = REGISTRY.get_sample_value("leadflow_sequence_used_ratio", {"sequence": NAME})
        assert used == pytest.approx(number / (2**31 - 1))
    finally:
        await db.execute(f"SELECT setval('amigocare.{NAME}', :n)", n=before)
