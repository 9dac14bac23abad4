"""What the list is measured beside: the bare statement of its page."""

_COLUMNS = "l.id, l.public_id, l.name, l.email, l.status, l.priority, l.assigned_to, l.created_at, l.version"
# As the list's index begins, so that the bare statement has it, too.
BARE = f"SELECT {_COLUMNS} FROM amigocare.amigocare_leads l WHERE CAST(l.company_id AS bigint) = 1 \
AND NOT l.is_deleted {{where}} ORDER BY l.created_at DESC, l.id DESC LIMIT 21"
"""Of ``where`` the filter."""
