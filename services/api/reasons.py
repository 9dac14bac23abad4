"""The words for people of every code that a row can have, printed in ``docs/reference/errors.md``.

A code never changes its meaning.

``ROW_ERRORS`` are entries of the ``errors`` list of ``invalid_rows`` and, when invalid rows are skipped, reasons of
settled rows. ``SETTLED_REASONS`` are the others: why a valid row did not become a lead. ``KEPT_REASONS``: why a lead
stayed when its import was taken back.
"""

ROW_ERRORS: dict[str, str] = {
    "name_missing": "The name is empty.",
    "name_too_long": "The name is longer than 255 characters.",
    "phone_missing": "The phone is empty.",
    "phone_invalid": "Not a valid phone number; write DDD and number, or +country number.",
    "phone_scientific": "The spreadsheet shortened the number (5,51E+12); format the column as text and save again.",
    "cpf_invalid": "Not a valid CPF.",
    "email_invalid": "Not a valid e-mail address.",
    "email_too_long": "The e-mail address is longer than 255 characters.",
    "tags_too_many": "More than 5 tags.",
    "tags_too_long": "The tags cell is longer than 255 characters.",
    "cells_too_many": "More cells than the header has columns; quote cells that hold the separator.",
    "cell_too_long": "A cell is longer than this service reads.",
    "cell_error": "The cell shows an error of the spreadsheet; correct it there.",
    "cell_not_calculated": "The cell is a formula that was never calculated; open the file in Excel and save it.",
}

SETTLED_REASONS: dict[str, str] = {
    "in_file": "The same phone stands in an earlier row of this file.",
    "lead_exists": "A lead with this phone exists.",
    "patient_exists": "A patient with this phone exists.",
    "chat_exists": "A chat with this phone exists.",
    "not_on_whatsapp": "The WhatsApp provider says that this number has no WhatsApp.",
    "whatsapp_refused": "The WhatsApp provider does not take this number.",
    "whatsapp_unknown": "The WhatsApp provider failed at this number every time; import the row again later.",
    "chat_refused": "The messaging platform does not take a chat for this row.",
    "canceled": "The import was canceled before this row became a lead.",
    "chunk_dead_lettered": "The row's chunk could not be processed; the people on call can replay it.",
}

KEPT_REASONS: dict[str, str] = {
    "lead_deleted": "Somebody had deleted the lead before.",
    "lead_converted": "The lead was converted.",
    "lead_linked": "The lead belongs to a patient or an attendance.",
    "lead_changed": "Somebody has changed the lead since it was imported.",
    "chat_tagged": "Somebody has given the chat a tag, or taken one away.",
    "chat_changed": "Somebody has used the chat.",
    "phone_taken": "Somebody used the chat while the import was taken back, and another lead has the phone by now.",
}
"""Why an undo did not take a lead back."""
