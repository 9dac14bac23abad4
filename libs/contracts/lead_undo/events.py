"""An undone import as the world sees it. Ids and numbers, nothing personal."""

from datetime import datetime

from libs.common.messages import Id, Message


class ImportUndone(Message):
    """The leads of an import that nobody had touched are taken back: ``reversed`` of them, with their chats.

    ``kept`` were changed since, or their chats were; of ``failed`` the chat was used while they were taken back, and
    another lead has their phone since. Together they are all leads that the import had made. Emitted once.
    """

    import_id: Id
    company_id: Id
    account_id: Id
    reversed: int
    kept: int
    failed: int
    accepted_at: datetime
    undone_at: datetime
