"""Opportunities, and the pipelines whose stages they stand in."""

from typing import Any
from uuid import UUID

from sqlalchemy import text

from libs.common.stores.postgres import Postgres
from libs.common.traces import current_trace_headers
from libs.contracts.leads.topics import LEAD_CHANGED
from services.leads.converting.domain import ConvertBody
from services.leads.recording.store import (
    Actor,
    Entry,
    Expected,
    LeadChange,
    MovedOn,
    changed_event,
    lock_lead,
    record,
)

_IS_STAGE = text("SELECT name FROM crm.stages WHERE id = :stage_id AND company_id = :company_id FOR KEY SHARE")
_OPPORTUNITY = """
    o.id, o.stage_id, o.title, o.value, o.currency, o.expected_close, o.created_at
"""
_MADE = text(
    f"SELECT {_OPPORTUNITY} FROM crm.opportunities o WHERE o.lead_id = :lead_id AND o.company_id = :company_id"
)
_INSERT = text(
    f"""
    INSERT INTO crm.opportunities AS o
        (company_id, lead_id, stage_id, title, value, currency, expected_close, created_by, created_at)
    VALUES (:company_id, :lead_id, :stage_id, :title, :value, :currency, :expected_close, :user_id, :at)
    RETURNING {_OPPORTUNITY}
    """
)
_DEFAULT = text("SELECT crm.default_pipeline(:company_id)")
_PIPELINES = text(
    """
    SELECT p.id, p.name, p.is_default,
           coalesce(jsonb_agg(jsonb_build_object('id', s.id, 'name', s.name) ORDER BY s.position)
                    FILTER (WHERE s.id IS NOT NULL), '[]') AS stages
    FROM crm.pipelines p LEFT JOIN crm.stages s ON s.pipeline_id = p.id
    WHERE p.company_id = :company_id GROUP BY p.id ORDER BY p.is_default DESC, p.id
    """
)


class NoSuchStage(Exception):
    """The company has no stage of this id."""


class ConversionStore:
    """Makes opportunities of leads."""

    def __init__(self, postgres: Postgres, *, source: str) -> None:
        self._postgres = postgres
        self._source = source

    async def pipelines(self, company_id: int) -> list[dict[str, Any]]:
        """Return the company's pipelines with their stages, the default one first; it is made when there is none."""
        async with self._postgres.transaction(company_id=company_id) as connection:
            await connection.execute(_DEFAULT, {"company_id": company_id})
            found = await connection.execute(_PIPELINES, {"company_id": company_id})
            return [dict(row) for row in found.mappings()]

    async def convert(
        self, actor: Actor, lead_id: UUID, wish: ConvertBody, expected: Expected = None
    ) -> dict[str, Any] | None:
        """Make an opportunity of a lead, or return the one that it is already; None when there is no such lead.

        Whoever comes second, at once or later, is answered what the first one made. Raises NoSuchStage, MovedOn.
        """
        async with self._postgres.transaction(company_id=actor.company_id) as connection:
            lead = await lock_lead(connection, actor, lead_id)
            if lead is None:
                return None
            of_lead = {"lead_id": lead["lead_id"], "company_id": actor.company_id}
            made = (await connection.execute(_MADE, of_lead)).mappings().one_or_none()
            if made is not None:
                return dict(made)
            if expected is not None and lead["version"] not in expected:
                raise MovedOn
            stage = {"stage_id": wish.stage_id, "company_id": actor.company_id}
            name = (await connection.execute(_IS_STAGE, stage)).scalar_one_or_none()
            if name is None:
                raise NoSuchStage
            values = (
                wish.model_dump() | of_lead | {"title": wish.title_line, "user_id": actor.user_id, "at": lead["at"]}
            )
            opportunity = dict((await connection.execute(_INSERT, values)).mappings().one())
            after = {"opportunity_id": opportunity["id"]}
            words = f"Converted, in stage {name}"
            entry = Entry("convert", {"opportunity_id": None}, after, ("converted", words))
            said = changed_event(actor, lead, ["opportunity_id"])
            change = LeadChange(lead, actor, after, entry, said, current_trace_headers())
            await record(connection, actor.company_id, LEAD_CHANGED, [change], source=self._source)
        return opportunity
