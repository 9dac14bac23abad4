"""The public events as AsyncAPI 3.0, for tools that read it: what api serves, and ``docs/reference/asyncapi.yaml``.

The document is Leadflow's own, as the specification has it: what Leadflow sends, others receive.
"""

import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from libs.common.topics import Topic
from libs.common.version import VERSION
from libs.contracts.message_schemas import schema_of
from libs.contracts.registry import FOLDER, registries

Json = dict[str, Any]

_BINDING = "0.5.0"
"""The version of AsyncAPI's Kafka bindings."""

_ABOUT = (
    "What Leadflow tells other services, over Kafka: CloudEvents 1.0 in binary mode, JSON. The events hold ids and"
    " numbers, nothing personal. One may be delivered again; a repeat carries the same ce_id. Within a version only"
    " fields are added: ignore those that you do not know."
)

_EXAMPLE_TIME = datetime(2026, 11, 26, 12, tzinfo=UTC)


HEADERS = {
    "ce_specversion": "the version of CloudEvents",
    "ce_id": "a repeat of the same event carries the same id",
    "ce_type": "what happened; one type a topic",
    "ce_source": "the service that says it",
    "ce_subject": "what the id follows from, beside the type: the import, its chunk or revision, and when it was"
    " accepted (microseconds since 1970)",
    "ce_time": "when it was published first",
    "content-type": "always this",
}
"""What the headers of an event mean, by name."""


def public_events_document() -> Json:
    """Return the document of all owners' public topics, each with its golden message."""
    topics = [topic for registry in registries() for topic in registry.topics if topic.public]
    owners = {topic.name: registry.owner for registry in registries() for topic in registry.topics}
    examples = {
        name: json.loads((FOLDER / owner / "examples" / f"{name}.json").read_bytes())
        for name, owner in owners.items()
        if name in {topic.name for topic in topics}
    }
    return _document(topics, examples, HEADERS)


def _document(topics: Sequence[Topic[Any]], examples: Mapping[str, Json], meanings: Mapping[str, str]) -> Json:
    schemas: Json = {"Headers": _headers(topics[0], meanings)}
    for topic in topics:
        schemas |= _schemas(topic)
    return {
        "asyncapi": "3.0.0",
        "info": {
            "title": "Leadflow: public events",
            "version": VERSION,
            "description": _ABOUT,
            "license": {"name": "Apache-2.0"},
        },
        "defaultContentType": "application/json",
        "servers": {
            "kafka": {
                "host": "{bootstrap}",
                "protocol": "kafka",
                "description": "The brokers that Leadflow uses; of the local stack, LEADFLOW_KAFKA_BOOTSTRAP.",
                "variables": {"bootstrap": {"description": "host:port of one broker or several"}},
            }
        },
        "channels": {topic.name: _channel(topic) for topic in topics},
        "operations": {f"send{_name(topic)}": _operation(topic) for topic in topics},
        "components": {
            "messages": {_name(topic): _message(topic, examples[topic.name]) for topic in topics},
            "schemas": schemas,
        },
    }


def _name(topic: Topic[Any]) -> str:
    return topic.event.__name__


def _channel(topic: Topic[Any]) -> Json:
    return {
        "address": topic.name,
        "title": topic.event_type,
        "servers": [{"$ref": "#/servers/kafka"}],
        "messages": {_name(topic): {"$ref": f"#/components/messages/{_name(topic)}"}},
        "bindings": {
            "kafka": {
                "topic": topic.name,
                "topicConfiguration": {
                    "cleanup.policy": ["delete"],
                    "retention.ms": topic.retention_hours * 3_600_000,
                },
                "bindingVersion": _BINDING,
            }
        },
    }


def _operation(topic: Topic[Any]) -> Json:
    channel = topic.name.replace("~", "~0").replace("/", "~1")
    return {
        "action": "send",
        "channel": {"$ref": f"#/channels/{channel}"},
        "summary": f"Sent by {topic.owner}.",
        "messages": [{"$ref": f"#/channels/{channel}/messages/{_name(topic)}"}],
    }


def _message(topic: Topic[Any], example: Json) -> Json:
    event = topic.event.model_validate(example)
    return {
        "name": topic.event_type,
        "title": topic.event_type,
        "summary": (topic.event.__doc__ or "").strip().splitlines()[0].replace("``", ""),
        "contentType": "application/json",
        "headers": {"$ref": "#/components/schemas/Headers"},
        "payload": {"$ref": f"#/components/schemas/{_name(topic)}"},
        "bindings": {
            "kafka": {
                "key": {"type": "string", "examples": [topic.key(event)]},
                "bindingVersion": _BINDING,
            }
        },
        "examples": [
            {
                "name": topic.event_type,
                "headers": topic.headers(topic.identity(event), source=topic.owner, time=_EXAMPLE_TIME),
                "payload": example,
            }
        ],
    }


def _headers(topic: Topic[Any], meanings: Mapping[str, str]) -> Json:
    """Return the schema of the headers that every event has."""
    return {
        "type": "object",
        "required": list(meanings),
        "properties": {
            **{name: {"type": "string", "description": meaning} for name, meaning in meanings.items()},
            "traceparent": {"type": "string", "description": "the trace, as W3C Trace Context writes it"},
        },
    }


def _schemas(topic: Topic[Any]) -> Json:
    """Return the event's schema, and those of its parts, each under its own name."""
    schema = {name: held for name, held in schema_of(topic).items() if name not in {"$schema", "$id"}}
    parts = schema.pop("$defs", {})
    return {name: _pointed(held) for name, held in {**parts, _name(topic): schema}.items()}


def _pointed(schema: Any) -> Any:
    """Return the schema with its references pointing to where the document keeps the parts."""
    if isinstance(schema, Mapping):
        return {
            name: held.replace("#/$defs/", "#/components/schemas/") if name == "$ref" else _pointed(held)
            for name, held in schema.items()
        }
    return [_pointed(each) for each in schema] if isinstance(schema, list) else schema
