"""A platform with many leads, made by PostgreSQL itself: a fifth of them are one company's."""

from bench.stack import Stack

AT_ONCE = 100_000
SHARE = 5
"""Each fifth lead is company 1's, so that they lie among those of others as in a platform that has grown."""
OTHERS = 2
FEW = 50_000
"""Each so many leads one of company 1 has another source than the rest."""

# They are right, and looking up for each row that they are takes half of the time. Their phones begin as none of
# bench.rows does: an import into what is there finds no lead of its own.
_OPEN = "SET session_replication_role = replica"
_LEADS = """
INSERT INTO amigocare.amigocare_leads
    (name, email, contact_cellphone, chat_id, source_id, channel_id, company_id, amigocare_messaging_account_id,
     creator_id, status, assigned_to, custom_fields, created_at, updated_at)
SELECT person || ' ' || n, 'lead' || n || '@example.com', phone, lpad(to_hex(n), 24, '0'),
       CASE WHEN n % {few} = 0 THEN (SELECT id FROM amigocare.lead_sources WHERE name = 'referral') ELSE 1 + n % 4 END,
       CASE WHEN n % 50 = 0 THEN 2 ELSE 1 END, company, CASE company WHEN 1 THEN 1 ELSE 3 END, company,
       CASE WHEN n % 7 = 0 THEN 'contacted' WHEN n % 70 = 1 THEN 'qualified' ELSE 'new' END,
       CASE WHEN n % 11 = 0 THEN company END,
       CASE WHEN n % 13 = 0 THEN jsonb_build_object('plan', 'gold') END, at, at
FROM (SELECT n, CASE WHEN n % {share} = 0 THEN 1 ELSE {others} END AS company,
             (11 + n % 80)::text || '9' || (60000000 + (n::bigint * 7919) % 9999999)::text AS phone,
             now() - make_interval(secs => ({total} - n) * 10) AS at,
             (ARRAY['Joao da Silva', 'Maria Souza', 'Ana Guimaraes', 'Caio Pereira', 'Luiza Araujo'])[1 + n / 5 % 5]
                 AS person
      FROM generate_series({first}, {last}) AS n) AS made
ON CONFLICT DO NOTHING
"""
_HISTORY = """
INSERT INTO crm.lead_activities (lead_id, company_id, activity_type, description, created_at)
SELECT id, company_id, 'created', 'Lead created from Instagram', created_at FROM amigocare.amigocare_leads
"""
_SEARCH = """
INSERT INTO crm.lead_search (lead_id, company_id, folded, words, email, phones, source_id)
SELECT id, company_id, folded, to_tsvector('simple', folded), lower(email),
       ARRAY['55' || contact_cellphone, '55' || left(contact_cellphone, 2) || right(contact_cellphone, 8)], source_id
FROM (SELECT l.*, translate(lower(name || ' ' || email), '@.', '  ') AS folded FROM amigocare.amigocare_leads l)
     AS written
"""
_LIST = (
    "INSERT INTO crm.lead_lists (company_id, name, created_by) VALUES (1, 'Bench', 1)",
    """
    INSERT INTO crm.lead_list_members (list_id, lead_id, company_id)
    SELECT h.id, l.id, 1 FROM crm.lead_lists h, amigocare.amigocare_leads l
    WHERE h.name = 'Bench' AND l.company_id = 1 AND l.id / 5 % 10 = 0
    """,
)
_TAGS = """
INSERT INTO amigocare.chat_tags (chat_id, tag_id, lead_id, company_id, creator_id)
SELECT chat_id, 1, id, 1, 1 FROM amigocare.amigocare_leads WHERE company_id = 1 AND id / 5 % 10 = 1
"""
_FIELD = """
INSERT INTO crm.field_definitions (company_id, key, label, type, created_by) VALUES (1, 'plan', 'Plan', 'string', 1)
ON CONFLICT DO NOTHING
"""
_TABLES = "amigocare.amigocare_leads, amigocare.chat_tags, crm.lead_search, crm.lead_activities, crm.lead_list_members"


def fill(stack: Stack, leads: int) -> None:
    """Put so many leads there, with history, search, a list, tags and a field of the company's own."""
    for first in range(1, leads + 1, AT_ONCE):
        last = min(first + AT_ONCE - 1, leads)
        made = _LEADS.format(first=first, last=last, total=leads, share=SHARE, others=OTHERS, few=FEW)
        stack.execute_together(_OPEN, made)
    stack.execute_together(_OPEN, _HISTORY, _SEARCH, *_LIST, _TAGS, _FIELD)
    stack.execute(f"VACUUM (ANALYZE) {_TABLES}", "CHECKPOINT")
