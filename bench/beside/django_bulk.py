"""django-import-export 4 in bulk mode (``use_bulk``, ``skip_diff``): leads only, no chats, no tags.

It looks for the lead of each phone, as one must who shall not make it twice; ``blind`` does without, which is
the fastest that the library can be. A process of its own, because Django's settings are the process':

    python -m bench.beside.django_bulk POSTGRES_URL START COUNT [blind]

Prints rows a second.
"""

import sys
import time
from typing import Any
from urllib.parse import urlsplit

import django
import tablib
from django.conf import settings
from django.db import connection, models

from bench.rows import HEADER, rows

AT_ONCE = 1_000


def main(postgres_url: str, start: int, count: int, *, blind: bool) -> None:
    _configure(postgres_url)
    from import_export import fields, resources  # only once Django is configured

    class Lead(models.Model):  # type: ignore[misc]
        name = models.CharField(max_length=255)
        email = models.CharField(max_length=255, null=True)
        cpf = models.CharField(max_length=11, null=True)
        contact_cellphone = models.CharField(max_length=25)
        contact_cellphone_dial_code = models.CharField(max_length=25, default="55")
        contact_cellphone_country_code = models.CharField(max_length=25, default="BR")
        source_id = models.IntegerField(default=1)
        channel_id = models.IntegerField(default=1)
        company_id = models.IntegerField(default=1)
        amigocare_messaging_account_id = models.IntegerField(default=1)
        creator_id = models.IntegerField(default=1)
        is_deleted = models.BooleanField(default=False)
        created_at = models.DateTimeField(auto_now_add=True)
        updated_at = models.DateTimeField(auto_now=True)

        class Meta:
            app_label = "bench"
            managed = False
            db_table = '"amigocare"."amigocare_leads"'

    class LeadResource(resources.ModelResource):  # type: ignore[misc]
        phone = fields.Field(attribute="contact_cellphone", column_name="phone")

        def before_import_row(self, row: Any, **_: Any) -> None:
            row["email"] = row["email"] or None
            row["cpf"] = row["cpf"] or None

        def get_queryset(self) -> Any:
            place = {"company_id": 1, "amigocare_messaging_account_id": 1, "contact_cellphone_country_code": "BR"}
            return Lead.objects.filter(**place, is_deleted=False)

        class Meta:
            model = Lead
            fields = ("name", "phone", "cpf", "email")
            import_id_fields = () if blind else ("phone",)
            use_bulk = True
            batch_size = AT_ONCE
            skip_diff = True
            skip_html_diff = True
            force_init_instance = blind

    table = [(lead.name, lead.phone, lead.cpf or "", lead.email or "") for lead in rows(start, count)]
    dataset = tablib.Dataset(*table, headers=HEADER[:4])
    began = time.perf_counter()
    result = LeadResource().import_data(dataset, raise_errors=True)
    seconds = time.perf_counter() - began
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM amigocare.amigocare_leads WHERE import_id IS NULL")
        found = cursor.fetchone()[0]
    if found < count or result.totals["new"] != count:
        raise RuntimeError(f"{found} leads of {count}: {result.totals}")
    print(count / seconds)


def _configure(postgres_url: str) -> None:
    url = urlsplit(postgres_url)
    database = {
        "ENGINE": "django.db.backends.postgresql",
        "NAME": url.path.removeprefix("/"),
        "USER": url.username,
        "PASSWORD": url.password,
        "HOST": url.hostname,
        "PORT": url.port,
    }
    settings.configure(
        DATABASES={"default": database},
        INSTALLED_APPS=["import_export"],
        USE_TZ=True,
        DEFAULT_AUTO_FIELD="django.db.models.AutoField",
    )
    django.setup()


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), blind="blind" in sys.argv[4:])
