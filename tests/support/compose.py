"""The containers of docker-compose.yml as the stack of the tests (``LEADFLOW_TEST_STACK=docker``)."""

from collections.abc import Iterator
from contextlib import contextmanager

from tests.support.stack import ROOT, Addresses

JWT_SECRET = "for-development-only-known-to-everybody"
"""docker-compose.yml's default."""


@contextmanager
def compose_stack() -> Iterator[Addresses]:
    """Build and start the compose project; stop it and forget its volumes at the end."""
    from testcontainers.compose import DockerCompose  # noqa: PLC0415 - needs an engine, which few machines have

    with DockerCompose(ROOT, build=True, wait=True, keep_volumes=False) as compose:

        def address(service: str, port: int) -> str:
            host, published = compose.get_service_host_and_port(service, port)
            return f"{host}:{published}"

        yield Addresses(
            api_url=f"http://{address('gateway', 8080)}",
            postgres_url=f"postgresql://leadflow:leadflow@{address('postgres', 5432)}/leadflow",
            mongo_url=f"mongodb://{address('mongo', 27017)}/leadflow",
            kafka_bootstrap=address("kafka", 29092),
            jwt_secret=JWT_SECRET,
        )
