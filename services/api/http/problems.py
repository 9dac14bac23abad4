"""Every way the api says no to a request: one table of stable codes, printed in ``docs/reference/errors.md``.

A code never changes its meaning. Those that begin with ``file_`` are the codes of ``Unreadable`` and some that are
found out when the rows are read.
"""

from libs.common.web.refusals import Problem

PROBLEMS: dict[str, Problem] = {
    # The caller
    "token_missing": Problem(401, "No bearer token", "Send `Authorization: Bearer <JWT>`."),
    "token_invalid": Problem(401, "The token is not valid", "Sign in again; the token is expired or not ours."),
    "permission_missing": Problem(
        403, "Missing permission", "Ask an administrator for IMPORT_LEADS on the module LEADS."
    ),
    "account_forbidden": Problem(403, "No access to this account", "Use an account that your user may use."),
    # The request
    "not_found": Problem(404, "Not found", "Check the address; another company's resources do not exist for you."),
    "method_not_allowed": Problem(405, "Method not allowed", "See /docs for the calls that exist."),
    "not_multipart": Problem(
        400, "Not multipart/form-data", "Send the parts `file` and `data` as multipart/form-data."
    ),
    "multipart_invalid": Problem(400, "Broken multipart body", "Send a complete multipart/form-data body."),
    "file_missing": Problem(422, "No file", "Send the spreadsheet as the part `file`."),
    "file_repeated": Problem(422, "More than one file", "Send one file a request."),
    "data_missing": Problem(422, "No data", "Send the metadata as the part `data`, a JSON object."),
    "data_repeated": Problem(422, "More than one data part", "Send the part `data` once."),
    "part_unknown": Problem(422, "Unknown part", "Send the parts `file` and `data` only."),
    "data_not_json": Problem(400, "`data` is not JSON", "Send a JSON object as the part `data`."),
    "data_too_large": Problem(413, "`data` is too large", "Send at most 64 KiB of metadata."),
    "data_invalid": Problem(422, "`data` is not valid", "Correct the fields listed in `errors`."),
    "request_invalid": Problem(422, "The request is not valid", "Correct the fields listed in `errors`."),
    "idempotency_key_reused": Problem(
        422, "The Idempotency-Key belongs to another request", "Use a new key for a new upload."
    ),
    "upload_too_slow": Problem(408, "The upload took too long", "Send it again over a faster connection."),
    # What data refers to
    "account_not_found": Problem(422, "No such account", "Use the id of one of your messaging accounts."),
    "source_not_found": Problem(422, "No such lead source", "Use the id of a lead source that is not deleted."),
    "tags_not_found": Problem(422, "No such tag", "Use ids of your company's tags; `errors` lists the others."),
    "name_taken": Problem(409, "An import of this name exists", "Choose another name, or delete that import."),
    "quota_exceeded": Problem(429, "Import quota used up", "Wait for the seconds that `Retry-After` says."),
    "import_in_progress": Problem(409, "The import is still running", "Wait for its end, or cancel it."),
    "undo_done": Problem(409, "The import was taken back", "Look at what was kept: `GET /imports/{id}/undo/kept`."),
    "import_ended": Problem(409, "The import has ended", "Look at its totals; what has ended can't be canceled."),
    "busy": Problem(503, "Too much at once", "Try again after the seconds that `Retry-After` says."),
    "streams_too_many": Problem(429, "Too many streams", "Close one of them, or watch one import at a time."),
    "no_room": Problem(
        507, "No room for uploads", "Try again shortly; if it stays, api needs a larger disk: tell the people on call."
    ),
    "unavailable": Problem(503, "A store is not answering", "Try again shortly; nothing was stored."),
    "internal_error": Problem(
        500, "Something went wrong here", "Try again; if it stays, tell us the `request_id` of this answer."
    ),
    # The file
    "file_too_large": Problem(413, "The file is too large", "Split the file and import the parts."),
    "file_not_spreadsheet": Problem(415, "Neither CSV nor Excel", "Save the sheet as CSV or XLSX and send that."),
    "file_encrypted": Problem(415, "The file is password-protected", "Save it without a password."),
    "file_broken": Problem(415, "The spreadsheet cannot be read", "Open it, save it again as XLSX or CSV, send that."),
    "file_encoding": Problem(415, "The text encoding cannot be read", "Save the file as CSV UTF-8."),
    "file_empty": Problem(422, "The file is empty", "Send a file with a header and at least one row."),
    "file_headers": Problem(
        422, "The header is not name, phone, cpf, email, tags", "Name the five columns so, in this order."
    ),
    "file_no_rows": Problem(422, "No rows below the header", "Send at least one row of data."),
    "file_too_many_rows": Problem(422, "Too many rows", "Split the file and import the parts."),
    "file_too_slow": Problem(422, "The file takes too long to read", "Save it again as CSV, or split it."),
    "invalid_rows": Problem(
        422, "Some rows are not valid", "Correct the rows listed in `errors`, or send `on_invalid_row: skip`."
    ),
}
