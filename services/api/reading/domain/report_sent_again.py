"""A report of ours is read as it is written, whatever its caller says of the file that it is about.

Who corrects one sends it with all that was said of its import: ``sheet`` and ``delimiter`` are of another file then.
"""

from dataclasses import replace
from pathlib import Path

from libs.spreadsheets.reader import Spreadsheet, read_spreadsheet
from libs.spreadsheets.unreadable import Unreadable
from services.api.reading.domain.job import ReadingJob


def read_upload(job: ReadingJob) -> Spreadsheet:
    """Return the job's file, read as its caller says; where it cannot be, and is a report of ours, as that is written.

    So nothing changes for a file in which there is what the caller says. Raises Unreadable.
    """
    path, said = Path(job.upload_path), job.file
    if said.sheet is None and said.delimiter is None:
        return read_spreadsheet(path, job.limits, said)
    try:
        spreadsheet = read_spreadsheet(path, job.limits, said)
    except Unreadable:
        report = _report(job)
        if report is None:
            raise
        return report
    # What does not stand between its cells leaves a header of one cell, which is no column.
    return (spreadsheet.columns.missing and _report(job)) or spreadsheet


def _report(job: ReadingJob) -> Spreadsheet | None:
    """Return the job's file as a report of ours, by the columns that stand behind the import's own; None: it is none.

    Of a workbook with several sheets the caller may mean any: that is none of ours, which have one.
    """
    try:
        found = read_spreadsheet(Path(job.upload_path), job.limits, replace(job.file, sheet=None, delimiter=None))
    except Unreadable:
        return None
    return found if found.columns.is_report and len(found.source.sheets) <= 1 else None
