"""A report of ours is read as it is written, whatever its caller says of the file that it is about.

Who corrects one sends it with all that was said of its import: ``sheet``, ``delimiter`` and ``encoding`` are of another
file then.
"""

from contextlib import suppress
from dataclasses import replace
from pathlib import Path

from libs.spreadsheets.file_options import FileOptions
from libs.spreadsheets.reader import Spreadsheet, is_workbook, read_spreadsheet
from libs.spreadsheets.unreadable import Unreadable
from services.api.reading.domain.job import ReadingJob


def read_upload(job: ReadingJob) -> Spreadsheet:
    """Return the job's file, read as its caller says; where it cannot be, and is a report of ours, as that is written.

    So nothing changes for a file in which there is what the caller says, but for the encoding of a report: any may seem
    right, and people save reports as their programs like. The one that is found out for certain counts. Raises
    Unreadable.
    """
    path, said = Path(job.upload_path), job.file
    if said.sheet is None and said.delimiter is None and said.encoding is None:
        return read_spreadsheet(path, job.limits, said)
    try:
        spreadsheet = read_spreadsheet(path, job.limits, said)
    except Unreadable:
        report = _report(job)
        if report is None:
            raise
        return report
    if spreadsheet.separator is None:
        return spreadsheet  # a workbook's sheet that was found: a report has no other one
    # What does not stand between its cells leaves a header of one cell, which is no column.
    if spreadsheet.columns.missing:
        return _report(job) or spreadsheet
    if said.encoding is not None and spreadsheet.columns.is_report:
        return _report_as(job, replace(said, encoding=None)) or spreadsheet
    return spreadsheet


def _report(job: ReadingJob) -> Spreadsheet | None:
    """Return the job's file as a report of ours; None: it is none. An encoding that is not certain is as it is said."""
    said = job.file
    ways = [replace(said, sheet=None, delimiter=None)]
    if is_workbook(Path(job.upload_path)):
        ways = ways if said.sheet is not None else []  # nothing else makes another file of it
    elif said.encoding is not None:
        ways = [replace(said, encoding=None), replace(ways[0], encoding=None), *ways]
    return next(filter(None, (_report_as(job, way) for way in ways)), None)


def _report_as(job: ReadingJob, said: FileOptions) -> Spreadsheet | None:
    """Return the job's file as a report of ours, by the columns that stand behind the import's own; None: it is none.

    Of a workbook with several sheets the caller may mean any: that is none of ours, which have one.
    """
    with suppress(Unreadable):
        found = read_spreadsheet(Path(job.upload_path), job.limits, said)
        if found.columns.is_report and len(found.source.sheets) <= 1:
            return found
    return None
