"""The calls before an upload: who I am and what I may choose from, what is left of the quota, the template."""

import asyncio
from datetime import UTC, datetime
from http import HTTPStatus
from typing import Annotated, Any

from fastapi import APIRouter, Query
from pydantic import BaseModel, ConfigDict, Field
from starlette.exceptions import HTTPException
from starlette.responses import Response

from libs.common.messages import ID_LIMIT
from libs.common.web.digits import Digits
from libs.common.web.made_files import CSV, XLSX
from libs.common.web.refusals import Refused
from services.api.accepting.acceptor import check_account
from services.api.accepting.domain.quota import QuotaView
from services.api.http import templates
from services.api.http.deps import DepsDep
from services.api.http.openapi import PROBLEM_RESPONSES, TEMPLATE_CSV, TEMPLATE_XLSX
from services.api.http.signing_in import CallerDep, TokenDep, WordsDep
from services.api.http.store import scope_of

router = APIRouter(responses=PROBLEM_RESPONSES, tags=["Before an upload"])


class Choice(BaseModel):
    """Something that an upload may name by its id."""

    id: int
    name: str


class LimitsView(BaseModel):
    """What one file and one hour may hold."""

    max_rows: int
    max_bytes: int
    quota_rows: int
    quota_imports: int


class MeView(BaseModel):
    """Who calls, and what the caller may choose from; a thousand of each at most, by name."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "user_id": 1,
                    "company_id": 1,
                    "permissions": {"LEADS": ["IMPORT_LEADS"]},
                    "accounts": [{"id": 1, "name": "WhatsApp 1"}],
                    "sources": [{"id": 1, "name": "Website"}],
                    "tags": [{"id": 1, "name": "VIP"}],
                    "limits": {"max_rows": 5000, "max_bytes": 20480000, "quota_rows": 5000, "quota_imports": 5},
                    "expires_at": "2026-03-02T12:15:00Z",
                }
            ]
        }
    )

    user_id: int
    company_id: int
    permissions: dict[str, list[str]]
    accounts: list[Choice]
    sources: list[Choice]
    tags: list[Choice]
    limits: LimitsView
    expires_at: datetime | None
    """When the token ends."""


@router.get("/me", summary="Who calls, and what may be chosen")
async def get_me(caller: TokenDep, deps: DepsDep) -> MeView:
    """Any valid token is answered: `permissions` say what it may do."""
    limits, quota = deps.acceptor.limits, deps.acceptor.quota
    return MeView(
        user_id=caller.user_id,
        company_id=caller.company_id,
        permissions={module: sorted(granted) for module, granted in caller.permissions.items()},
        **await deps.before.choices(scope_of(caller)),
        limits=LimitsView(
            max_rows=limits.max_rows,
            max_bytes=limits.max_bytes,
            quota_rows=quota.rows,
            quota_imports=quota.imports,
        ),
        expires_at=None if caller.expires_at is None else datetime.fromtimestamp(caller.expires_at, UTC),
    )


@router.get("/imports/quota", summary="What may still be imported this hour")
async def get_quota(
    caller: CallerDep,
    deps: DepsDep,
    account_id: Annotated[
        Annotated[int, Field(ge=1, le=ID_LIMIT)], Query(description="The messaging account.", examples=[1]), Digits
    ],
) -> QuotaView:
    """Deleted and failed imports count, too."""
    found = await deps.before.quota_of(caller.company_id, account_id)
    if found is None:
        raise Refused("not_found", f"There is no messaging account {account_id}.")
    check_account(caller, account_id)
    return found


@router.delete("/imports/quota", include_in_schema=False)
async def delete_no_quota() -> Response:
    """The call that deletes an import would take this address for one of its own."""
    raise HTTPException(HTTPStatus.METHOD_NOT_ALLOWED)


@router.get("/import/template.csv", summary="Template as CSV", response_class=Response, responses={200: TEMPLATE_CSV})
async def get_template_csv(caller: CallerDep) -> Response:
    """The five columns and two examples; it is imported as it is."""
    return _file(templates.template_csv(), "csv")


@router.get(
    "/import/template.xlsx", summary="Template as Excel", response_class=Response, responses={200: TEMPLATE_XLSX}
)
async def get_template_xlsx(caller: CallerDep, said: WordsDep) -> Response:
    """The same, and a second sheet that says what the columns are, in the language of `Accept-Language`."""
    return _file(await asyncio.to_thread(templates.template_xlsx_in, said.language), "xlsx")


def _file(content: bytes, kind: str) -> Response:
    headers: dict[str, Any] = {"Content-Disposition": f'attachment; filename="{templates.FILE_NAME}.{kind}"'}
    return Response(content, media_type=CSV if kind == "csv" else XLSX, headers=headers)
