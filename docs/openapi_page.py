"""The calls as api and leads serve them at their ``/openapi.json``, committed: the console is typed by them.

``docs/reference/openapi.json`` is api's, ``docs/reference/openapi-leads.json`` that of leads.
"""

import json

from libs.common.version import VERSION
from libs.common.web.app import App
from services.api.main import DESCRIPTION, NAME, ROUTERS, complete_document
from services.leads import main as leads


def openapi_page() -> str:
    """Return api's document, as the file holds it."""
    app = App(NAME, title="Leadflow", version=VERSION, description=DESCRIPTION)
    complete_document(app)
    for router in ROUTERS:
        app.include_router(router)
    return _written(app)


def leads_openapi_page() -> str:
    """Return the document of leads, as the file holds it."""
    app = App(leads.NAME, title="Leadflow: leads", version=VERSION, description=leads.DESCRIPTION)
    for router in (leads.router, *leads.ROUTERS):
        app.include_router(router)
    return _written(app)


def _written(app: App) -> str:
    return json.dumps(app.openapi(), indent=1, ensure_ascii=False) + "\n"
