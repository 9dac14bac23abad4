"""Fills creme-crm with the same persons that Leadflow holds: in sets, by Django's own ORM.

Runs in the environment of creme-crm, which has no Leadflow; everything is found by name there:

    python -m bench.beside.creme_contacts START COUNT
"""

import sys
from typing import Any

import django
from django.apps import apps
from django.db import transaction

from bench.rows import Row, rows

AT_ONCE = 2_000


def main(start: int, count: int) -> None:
    django.setup()
    contact, entity = apps.get_model("persons", "Contact"), apps.get_model("creme_core", "CremeEntity")
    kind = apps.get_model("contenttypes", "ContentType").objects.get_for_model(contact)
    user = apps.get_model("creme_core", "CremeUser").objects.get(username="root")
    people = list(rows(start, count))
    for first in range(0, count, AT_ONCE):
        _insert(contact, entity, {"entity_type": kind, "user": user}, people[first : first + AT_ONCE])
    if contact.objects.count() < count:
        raise RuntimeError(f"{contact.objects.count()} contacts of {count}")


def _insert(contact: Any, entity: Any, given: dict[str, Any], people: list[Row]) -> None:
    """Insert what a contact is in the table of all entities, then the contact itself.

    Django's ``bulk_create`` takes no model of two tables; each of them it takes.
    """
    made = []
    for person in people:
        first, _, last = person.name.partition(" ")
        cells = {"first_name": first, "last_name": last, "phone": person.phone, "email": person.email or ""}
        made.append(contact(**given, **cells, header_filter_search_field=f"{first} {last}"))
    with transaction.atomic():
        parents = entity.objects.bulk_create(
            [entity(**given, header_filter_search_field=each.header_filter_search_field) for each in made]
        )
        for each, parent in zip(made, parents, strict=True):
            each.pk, each.cremeentity_ptr_id = parent.pk, parent.pk
        contact._base_manager._insert(made, fields=contact._meta.local_concrete_fields, using="default")  # noqa: SLF001


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]))
