"""What the messages of a topic are, as JSON Schema."""

from typing import Any

from pydantic.json_schema import GenerateJsonSchema

from libs.common.topics import Topic


class _WithoutTitles(GenerateJsonSchema):
    """Pydantic would title ``import_id`` "Import Id"."""

    def field_title_should_be_set(self, schema: Any) -> bool:
        return False


def schema_of(topic: Topic[Any]) -> dict[str, Any]:
    """Return what the topic's messages are, as its readers rely on it.

    Required is what a reader insists on. What has a default is written all the same, but messages that were written
    before the field was added lack it.
    """
    made = topic.event.model_json_schema(mode="validation", schema_generator=_WithoutTitles)
    return {"$schema": GenerateJsonSchema.schema_dialect, "$id": f"urn:leadflow:{topic.name}", **made}
