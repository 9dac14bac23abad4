"""The words for people of every code that a row can have, printed in ``docs/reference/errors.md``.

They stand in the catalogue, ``libs/contracts/lead_import/words``. ``ROW_ERRORS`` are entries of the ``errors`` list of
``invalid_rows`` and, when invalid rows are skipped, reasons of settled rows. ``SETTLED_REASONS`` are the others: why a
valid row did not become a lead. ``KEPT_REASONS``: why a lead stayed when its import was taken back.
"""

from libs.contracts.lead_import.words import LANGUAGES, words

_ENGLISH = words(LANGUAGES[0])

ROW_ERRORS = dict(_ENGLISH.row_errors)
SETTLED_REASONS = dict(_ENGLISH.settled_reasons)
KEPT_REASONS = dict(_ENGLISH.kept_reasons)
