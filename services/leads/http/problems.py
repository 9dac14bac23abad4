"""Every way leads says no to a call: one table of stable codes, in each language."""

from libs.common.web.problems import NOBODY, NOT_BELIEVED
from libs.common.web.refusals import Problem, Translation

PROBLEMS: dict[str, Problem] = {
    NOBODY: Problem(401, "No token", "Send the header `Authorization: Bearer …`."),
    NOT_BELIEVED: Problem(401, "The token is not valid", "Sign in again."),
    "permission_missing": Problem(403, "Not allowed", "Ask for the permission that `detail` names."),
    "origin_forbidden": Problem(403, "This page may not send the form", "Ask us to allow the page's address."),
    "not_found": Problem(404, "There is no such thing", "Look at the id: it may be another company's, or deleted."),
    "method_not_allowed": Problem(405, "Not a method of this address", "Use one that `Allow` names."),
    "name_taken": Problem(409, "Another list has this name", "Choose another name."),
    "field_exists": Problem(409, "There is a field of this key", "Choose another key."),
    "lead_exists": Problem(409, "There is such a lead", "Look at `lead_id`, or send `allow_duplicate: true`."),
    "transition": Problem(409, "A lead cannot go there from where it stands", "Choose one of `allowed`."),
    "moved_on": Problem(412, "The lead was changed meanwhile", "Look at `lead`, and send its `ETag` as `If-Match`."),
    "body_too_slow": Problem(408, "The body took too long", "Try again."),
    "body_too_large": Problem(413, "The body is too large", "Send less."),
    "request_invalid": Problem(422, "The request is not valid", "Correct what `errors` names."),
    "page_too_deep": Problem(
        422, "Too far for a page by number", "Go on with the `next` of the page before: `cursor`."
    ),
    "idempotency_key_reused": Problem(
        422, "This Idempotency-Key was sent with another body", "Send another key for another lead."
    ),
    "fields_too_many": Problem(422, "Too many fields", "Delete one that you do not need."),
    "forms_too_many": Problem(422, "Too many forms", "Delete one that no page uses."),
    "assignee_not_found": Problem(422, "There is no such colleague", "Choose a user of your company."),
    "stage_not_found": Problem(422, "There is no such stage", "Choose one of `GET /api/v1/pipelines`."),
    "too_many_leads": Problem(429, "Too many leads from this address", "Try again when `Retry-After` says."),
    "form_unknown": Problem(422, "Nobody knows this form", "Send the header `X-Form-Key` with the form's key."),
    "export_too_large": Problem(422, "Too many leads for a workbook", "Narrow the filters, or take the CSV."),
    "busy": Problem(503, "Too many files are being made", "Try again in a minute."),
    "unavailable": Problem(503, "A store is not answering", "Try again."),
    "internal_error": Problem(500, "That is our fault", "Try again, and tell us the `request_id`."),
}

_PT: dict[str, tuple[str, str]] = {
    NOBODY: ("Sem token", "Envie o cabeçalho `Authorization: Bearer …`."),
    NOT_BELIEVED: ("O token não é válido", "Entre de novo."),
    "permission_missing": ("Não permitido", "Peça a permissão que `detail` nomeia."),
    "origin_forbidden": ("Esta página não pode enviar o formulário", "Peça que o endereço da página seja liberado."),
    "not_found": ("Não existe", "Confira o id: pode ser de outra empresa ou ter sido excluído."),
    "method_not_allowed": ("Este endereço não tem esse método", "Use um dos que `Allow` nomeia."),
    "name_taken": ("Outra lista tem esse nome", "Escolha outro nome."),
    "field_exists": ("Já há um campo com essa chave", "Escolha outra chave."),
    "fields_too_many": ("Campos demais", "Exclua um de que não precisa."),
    "forms_too_many": ("Formulários demais", "Exclua um que nenhuma página usa."),
    "idempotency_key_reused": (
        "Essa Idempotency-Key foi enviada com outro corpo",
        "Use outra chave para outro lead.",
    ),
    "lead_exists": ("Esse lead já existe", "Veja `lead_id`, ou envie `allow_duplicate: true`."),
    "transition": ("O lead não pode ir para lá a partir de onde está", "Escolha um dos de `allowed`."),
    "moved_on": ("O lead mudou nesse meio-tempo", "Veja `lead`, e envie o `ETag` dele como `If-Match`."),
    "body_too_slow": ("O corpo demorou demais", "Tente de novo."),
    "body_too_large": ("O corpo é grande demais", "Envie menos."),
    "request_invalid": ("A requisição não é válida", "Corrija o que `errors` nomeia."),
    "page_too_deep": ("Longe demais para uma página por número", "Continue com o `next` da página anterior: `cursor`."),
    "assignee_not_found": ("Não há esse colega", "Escolha um usuário da sua empresa."),
    "stage_not_found": ("Não há essa etapa", "Escolha uma de `GET /api/v1/pipelines`."),
    "too_many_leads": ("Leads demais deste endereço", "Tente de novo quando `Retry-After` disser."),
    "form_unknown": ("Formulário desconhecido", "Envie o cabeçalho `X-Form-Key` com a chave do formulário."),
    "export_too_large": ("Leads demais para uma planilha", "Filtre mais, ou baixe o CSV."),
    "busy": ("Há muitos arquivos sendo feitos", "Tente de novo em um minuto."),
    "unavailable": ("Um servidor não responde", "Tente de novo."),
    "internal_error": ("A falha é nossa", "Tente de novo e diga-nos o `request_id`."),
}
TRANSLATIONS = {
    "pt-BR": Translation(
        {code: Problem(PROBLEMS[code].status, title, remedy) for code, (title, remedy) in _PT.items()},
        {
            "name_missing": "O nome está vazio.",
            "name_too_long": "O nome tem mais de 255 caracteres.",
            "cell_error": "O nome é um erro de planilha.",
            "email_missing": "O e-mail está vazio.",
            "email_invalid": "Isto não é um e-mail.",
            "email_too_long": "O e-mail tem mais de 255 caracteres.",
            "phone_invalid": "Um lead de uma importação mantém um telefone.",
            "field_unknown": "A empresa não tem esse campo.",
            "string_unicode": "Há meio caractere aqui (um substituto sem o seu par).",
        },
        {},
    )
}
