"""The host platform as tests need it: a company of their own, so that none meets another's leads or quota."""

import itertools
import time
from dataclasses import dataclass, field
from typing import Any

import jwt
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

EVERYTHING = {"LEADS": ["IMPORT_LEADS", "VIEW_LEADS", "EDIT_LEADS", "ASSIGN_LEADS", "CONVERT_LEADS", "DELETE_LEADS"]}
"""Permissions of who may do all with leads."""

_numbers = itertools.count(int(time.time()) % 1_000_000)


@dataclass(frozen=True, slots=True)
class Tenant:
    """A company with two users, two accounts, three tags; and lead sources, of which one is deleted."""

    company_id: int
    user_id: int
    other_user_id: int
    account_id: int
    other_account_id: int
    tag_ids: list[int]
    source_id: int
    deleted_source_id: int
    jwt_secret: str = field(repr=False, default="")

    def claims(self, **changes: Any) -> dict[str, Any]:
        """Return the claims of a good token, changed; a value of None leaves the claim out."""
        now = int(time.time())
        claims = {
            "sub": str(self.user_id),
            "company_id": self.company_id,
            "permissions": {"LEADS": ["IMPORT_LEADS"]},
            "iat": now,
            "exp": now + 3600,
        } | changes
        return {name: value for name, value in claims.items() if value is not None}

    def token(self, **changes: Any) -> str:
        return jwt.encode(self.claims(**changes), self.jwt_secret, algorithm="HS256")

    def headers(self, **changes: Any) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.token(**changes)}"}

    def data(self, **changes: Any) -> dict[str, Any]:
        """Return a valid ``data`` part with a name of its own, changed; None leaves a field out."""
        data = {
            "name": f"Import {next(_numbers)}",
            "account_id": self.account_id,
            "source_id": self.source_id,
        } | changes
        return {name: value for name, value in data.items() if value is not None}


async def create_tenant(engine: AsyncEngine, *, jwt_secret: str = "") -> Tenant:
    """Insert a company and what belongs to it."""
    async with engine.begin() as connection:

        async def ids(statement: str, **values: Any) -> list[int]:
            rows = await connection.execute(text(statement), values)
            return list(rows.scalars())

        (company_id,) = await ids("INSERT INTO amigocare.companies (name) VALUES ('Test') RETURNING id")
        users = await ids(
            "INSERT INTO amigocare.users (company_id, name) SELECT :c, n FROM unnest(ARRAY['A', 'B']) n RETURNING id",
            c=company_id,
        )
        accounts = await ids(
            "INSERT INTO amigocare.messaging_accounts (company_id, name)"
            " SELECT :c, n FROM unnest(ARRAY['A', 'B']) n RETURNING id",
            c=company_id,
        )
        tags = await ids(
            "INSERT INTO amigocare.tags (name, company_id, creator_id)"
            " SELECT n, :c, :u FROM unnest(ARRAY['Cliente', 'Parceiro', 'VIP']) n RETURNING id",
            c=company_id,
            u=users[0],
        )
        sources = await ids(
            "INSERT INTO amigocare.lead_sources (name, is_deleted)"
            " VALUES ('Feira', false), ('Antiga', true) RETURNING id"
        )
    return Tenant(
        company_id=company_id,
        user_id=users[0],
        other_user_id=users[1],
        account_id=accounts[0],
        other_account_id=accounts[1],
        tag_ids=tags,
        source_id=sources[0],
        deleted_source_id=sources[1],
        jwt_secret=jwt_secret,
    )
