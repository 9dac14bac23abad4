"""However the services are deployed, an import that is alone leaves half of the creators' members free for the next."""

from pathlib import Path

import pytest

from deploy.local.instance import Instance
from deploy.local.ports import Ports
from deploy.local.settings import Given, common_environment
from deploy.processes import BY_NAME, PARTITIONS
from libs.imports.settings import ChunkRelaySettings
from tests.support.manifests import CONTAINERS, compose_environment

CREATOR = BY_NAME["creator"]


def fewest_members(deployment: str, folder: Path) -> int:
    """Return how many members the group of the creators has where as few of them run as may."""
    if deployment == "kubernetes":
        return CREATOR.minimum * CREATOR.consumers
    if deployment == "compose":
        return int(compose_environment(CONTAINERS["creator"], {})["LEADFLOW_CREATOR_CONSUMERS"])
    instance = Instance(name="fair", local=folder)
    instance.state.mkdir(parents=True)
    found = common_environment(instance, Ports(20_000), Given(environment={}, demo_quotas=False))
    return int(found["LEADFLOW_CREATOR_CONSUMERS"])


@pytest.mark.parametrize("deployment", ["kubernetes", "compose", "local stack"])
def test_the_creators_have_twice_as_many_members_as_an_import_that_is_alone_has_chunks(
    deployment: str, tmp_path: Path
) -> None:
    under_way = ChunkRelaySettings.model_fields["window_alone"].get_default()
    assert 2 * under_way <= fewest_members(deployment, tmp_path) <= PARTITIONS


def test_what_the_user_says_of_the_creators_members_holds(tmp_path: Path) -> None:
    instance = Instance(name="fair", local=tmp_path)
    instance.state.mkdir(parents=True)
    given = Given(environment={"LEADFLOW_CREATOR_CONSUMERS": "1"}, demo_quotas=False)
    assert common_environment(instance, Ports(20_000), given)["LEADFLOW_CREATOR_CONSUMERS"] == "1"
