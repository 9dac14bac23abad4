"""Every way the api says no to a request: one table of stable codes, printed in ``docs/reference/errors.md``.

A code never changes its meaning. Those that begin with ``file_`` are the codes of ``Unreadable`` and some that are
found out when the rows are read. Their words stand in the catalogue, ``libs/contracts/lead_import/words``.
"""

from libs.common.web.problems import NOBODY, NOT_BELIEVED
from libs.common.web.refusals import Problem, Translation
from libs.contracts.lead_import.words import LANGUAGES, Words, words

STATUSES: dict[str, int] = {
    # The caller
    NOBODY: 401,
    NOT_BELIEVED: 401,
    "permission_missing": 403,
    "account_forbidden": 403,
    # The request
    "not_found": 404,
    "method_not_allowed": 405,
    "not_multipart": 400,
    "multipart_invalid": 400,
    "file_missing": 422,
    "file_repeated": 422,
    "data_missing": 422,
    "data_repeated": 422,
    "part_unknown": 422,
    "data_not_json": 400,
    "data_too_large": 413,
    "data_invalid": 422,
    "request_invalid": 422,
    "idempotency_key_reused": 422,
    "upload_too_slow": 408,
    # What data refers to
    "account_not_found": 422,
    "source_not_found": 422,
    "tags_not_found": 422,
    "parent_not_found": 422,
    "list_not_found": 422,
    "fields_too_many": 422,
    "name_taken": 409,
    "quota_exceeded": 429,
    "import_in_progress": 409,
    "import_ended": 409,
    "undo_done": 409,
    "rows_expired": 410,
    "busy": 503,
    "streams_too_many": 429,
    "no_room": 507,
    "unavailable": 503,
    "internal_error": 500,
    # The file
    "file_too_large": 413,
    "file_not_spreadsheet": 415,
    "file_encrypted": 415,
    "file_broken": 415,
    "file_encoding": 415,
    "file_empty": 422,
    "file_headers": 422,
    "columns_missing": 422,
    "sheet_not_found": 422,
    "file_no_rows": 422,
    "file_too_many_rows": 422,
    "file_too_slow": 422,
    "invalid_rows": 422,
}


def _problems(said: Words) -> dict[str, Problem]:
    return {
        code: Problem(status, said.problems[code].title, said.problems[code].remedy)
        for code, status in STATUSES.items()
    }


PROBLEMS = _problems(words(LANGUAGES[0]))

TRANSLATIONS = {
    language: Translation(_problems(words(language)), words(language).messages, words(language).details)
    for language in LANGUAGES[1:]
}
"""The same in the other languages."""
