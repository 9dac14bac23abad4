"""What is made of a lead that an import made: pure."""

from libs.contracts.leads.events import LeadCreated
from libs.leads.enrolled_lead import EnrolledLead


def news_of(leads: list[EnrolledLead], *, company_id: int, import_id: int) -> list[LeadCreated]:
    """Return what is told of leads; their times are those of their rows, so that a repeat says the same.

    Of one that was made before leads had ids for others there is nothing that others could ask for.
    """
    return [
        LeadCreated(
            lead_id=lead.public_id,
            email=lead.email,
            source=lead.source,
            timestamp=lead.created_at,
            company_id=company_id,
            channel="IMPORT",
            import_id=import_id,
        )
        for lead in leads
        if lead.public_id is not None
    ]
