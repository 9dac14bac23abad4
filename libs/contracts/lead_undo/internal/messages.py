"""What the api asks undoer for."""

from pydantic import AwareDatetime

from libs.common.messages import Id, Message


class UndoRequested(Message):
    """Somebody wants the leads of an ended import taken back."""

    import_id: Id
    company_id: Id
    account_id: Id
    accepted_at: AwareDatetime
    """With the id it names the import: ids are given again by a database that was restored."""
