"""Reads a topic's settings, and changes some of them. What is not named stays as it is.

aiokafka's own ``alter_configs`` is the older call of Kafka's protocol: it puts everything back to the default that it
is not told, so it would undo what people have set. This is the newer one, IncrementalAlterConfigs (KIP-339).
"""

from collections.abc import Iterable, Mapping
from typing import Any

from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType
from aiokafka.errors import UnknownTopicOrPartitionError, for_code
from aiokafka.protocol.api import Request, RequestStruct, Response
from aiokafka.protocol.types import Array, Boolean, Int8, Int16, Int32, Schema, String

_KEY = 44
_SET = 0


async def topic_config(admin: AIOKafkaAdminClient, name: str, topics: Iterable[str]) -> dict[str, str]:
    """Return what a setting is for each topic that is there, wherever it is set. Raises aiokafka's KafkaError."""
    asked = [ConfigResource(ConfigResourceType.TOPIC, topic, {name: ""}) for topic in topics]
    found: dict[str, str] = {}
    for answer in await admin.describe_configs(asked) if asked else []:
        for code, said, _, topic, entries in answer.resources:
            error = for_code(code)
            if error is UnknownTopicOrPartitionError:
                continue  # another process has just made it, and this broker has not heard of it
            if code:
                raise error(f"settings of {topic}: {said}")
            found[topic] = next(entry[1] for entry in entries if entry[0] == name)
    return found


async def set_topic_config(admin: AIOKafkaAdminClient, values: Mapping[str, str], *, name: str) -> None:
    """Give each topic its value of one setting. Raises aiokafka's KafkaError that names the topic."""
    if not values:
        return
    resources = [
        (int(ConfigResourceType.TOPIC), topic, [(name, _SET, value)]) for topic, value in sorted(values.items())
    ]
    answer = await admin._send_request(_IncrementalAlterConfigs(resources))  # noqa: SLF001 - it has no method for it
    for code, said, _, topic in answer.responses:
        if code:
            raise for_code(code)(f"{name} of {topic}: {said}")


class _Answer(Response):  # type: ignore[misc]
    API_KEY = _KEY
    API_VERSION = 0
    SCHEMA = Schema(
        ("throttle_time_ms", Int32),
        (
            "responses",
            Array(
                ("error_code", Int16),
                ("error_message", String("utf-8")),
                ("resource_type", Int8),
                ("resource_name", String("utf-8")),
            ),
        ),
    )


class _Struct(RequestStruct):  # type: ignore[misc]
    API_KEY = _KEY
    API_VERSION = 0
    RESPONSE_TYPE = _Answer
    SCHEMA = Schema(
        (
            "resources",
            Array(
                ("resource_type", Int8),
                ("resource_name", String("utf-8")),
                (
                    "configs",
                    Array(("name", String("utf-8")), ("config_operation", Int8), ("value", String("utf-8"))),
                ),
            ),
        ),
        ("validate_only", Boolean),
    )


class _IncrementalAlterConfigs(Request[_Struct]):  # type: ignore[misc]
    API_KEY = _KEY

    def __init__(self, resources: list[Any]) -> None:
        self._resources = resources

    def build(self, request_struct_class: type[_Struct]) -> _Struct:
        return request_struct_class(self._resources, False)
