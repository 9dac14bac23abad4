-- The demo's companies, people and reference data. A second run changes nothing.

INSERT INTO amigocare.companies (id, name) VALUES
    (1, 'Clínica Boa Vista'),
    (2, 'Odonto Sorriso Ribeirão')
ON CONFLICT DO NOTHING;

INSERT INTO amigocare.users (id, company_id, name) VALUES
    (1, 1, 'Ana Beatriz Nogueira'),
    (2, 1, 'João Pedro Guimarães'),
    (3, 2, 'Márcia Conceição Araújo'),
    (4, 2, 'Thiago Magalhães')
ON CONFLICT DO NOTHING;

INSERT INTO amigocare.messaging_accounts (id, company_id, name) VALUES
    (1, 1, 'WhatsApp Recepção'),
    (2, 1, 'WhatsApp Comercial'),
    (3, 2, 'WhatsApp Atendimento')
ON CONFLICT DO NOTHING;

INSERT INTO amigocare.lead_sources (id, name, is_deleted) VALUES
    (1, 'Instagram', false),
    (2, 'Google Ads', false),
    (3, 'Indicação', false),
    (4, 'Feira de saúde', false),
    (5, 'Panfleto', true)
ON CONFLICT DO NOTHING;

INSERT INTO amigocare.tags (id, name, company_id, creator_id) VALUES
    (1, 'Avaliação', 1, 1),
    (2, 'Retorno', 1, 1),
    (3, 'Convênio', 1, 2),
    (4, 'Estética', 1, 2),
    (5, 'Campanha de verão', 1, 1),
    (6, 'Ortodontia', 2, 3),
    (7, 'Clareamento', 2, 4)
ON CONFLICT DO NOTHING;

-- The next id is past the seeded ones. Sequences that are past them already are left alone.
SELECT setval(pg_get_serial_sequence(name, 'id'), seeded)
FROM (VALUES
    ('amigocare.companies', 2),
    ('amigocare.users', 4),
    ('amigocare.messaging_accounts', 3),
    ('amigocare.lead_sources', 5),
    ('amigocare.tags', 7)
) AS sequences (name, seeded)
WHERE coalesce(pg_sequence_last_value(pg_get_serial_sequence(name, 'id')::regclass), 0) < seeded;
