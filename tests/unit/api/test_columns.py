"""Three things name columns: the file, the messages and the reports. Today they are the same five."""

from libs.contracts.lead_import.internal.carried_cells import WIRE_COLUMNS
from libs.spreadsheets.header import FILE_COLUMNS
from services.api.http.report_form import ReportForm


def test_a_row_s_cells_pass_from_the_file_through_messages_to_a_report_without_being_put_in_another_order() -> None:
    """Who gives a file other columns must say, at each border, which of them is which of the five."""
    assert FILE_COLUMNS == WIRE_COLUMNS == ReportForm.of(None).headers
