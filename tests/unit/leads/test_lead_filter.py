"""From a caller's question to conditions."""

from datetime import UTC, datetime

from libs.contracts.leads.events import LeadStatus
from services.leads.domain.lead_filter import LeadFilter


def test_who_asks_for_nothing_gets_no_condition() -> None:
    assert LeadFilter().where() == ("", {})


def test_values_are_never_part_of_the_statement() -> None:
    hostile = "x'; DROP TABLE"
    where, values = LeadFilter(source=hostile, tag=hostile, q=hostile, assigned_to=7).where()
    assert "DROP" not in where
    assert values == {"source": hostile, "tag": hostile, "assigned_to": 7, "words": "'x':* & 'drop':* & 'table':*"}


def test_a_status_is_asked_for_as_its_partial_index_has_it() -> None:
    assert LeadFilter(status=LeadStatus.QUALIFIED).where() == (
        " AND l.company_id = :company_id AND l.status = :status AND l.status <> 'new'",
        {"status": "qualified"},
    )
    assert LeadFilter(status=LeadStatus.NEW).where() == (" AND l.status = 'new'", {})


def test_only_what_an_index_holds_in_the_lists_order_is_walked_along() -> None:
    assert LeadFilter(status=LeadStatus.NEW, assigned_to=7).is_in_order
    assert not LeadFilter(q="ana").is_in_order
    assert not LeadFilter(status=LeadStatus.NEW, import_id=7).is_in_order
    assert not LeadFilter(custom={"plan": "x"}).is_in_order


def test_whatever_else_many_may_have_is_looked_for_among_the_newest_first() -> None:
    for wanted in (LeadFilter(tag="VIP"), LeadFilter(import_id=7, source="Feira"), LeadFilter(q="ana")):
        assert wanted.may_be_common
    for wanted in (LeadFilter(), LeadFilter(assigned_to=7), LeadFilter(q="(34) 99123-4567", tag="VIP")):
        assert not wanted.may_be_common


def test_a_period_is_a_part_of_the_lists_order() -> None:
    day = datetime(2026, 5, 1, tzinfo=UTC)
    assert LeadFilter(created_from=day, created_to=day, status=LeadStatus.NEW).is_in_order
    assert LeadFilter(created_to=day, tag="VIP").period == " AND l.created_at < :created_to"
    assert LeadFilter(tag="VIP").period == ""


def test_by_their_source_and_time_alone_leads_are_found_in_an_index_of_their_own() -> None:
    day = datetime(2026, 5, 1, tzinfo=UTC)
    for wanted in (LeadFilter(source="Feira"), LeadFilter(created_from=day, created_to=day, source="Feira")):
        assert wanted.is_of_a_source
        assert not wanted.may_be_common
    for wanted in (LeadFilter(source="Feira", tag="VIP"), LeadFilter(), LeadFilter(created_from=day)):
        assert not wanted.is_of_a_source


def test_a_phone_is_searched_as_one() -> None:
    where, values = LeadFilter(q="(34) 99123-4567").where()
    assert "crm.leads_with_phones" in where
    assert values == {"phones": ["5534991234567", "553491234567"]}


def test_a_search_without_a_word_finds_nothing() -> None:
    assert LeadFilter(q=" - ").where() == (" AND false", {})
