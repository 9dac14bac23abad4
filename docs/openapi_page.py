"""``docs/reference/openapi.json``: the calls as api serves them at ``/openapi.json``; the console is typed by it."""

import json

from libs.common.version import VERSION
from libs.common.web.app import App
from services.api.main import DESCRIPTION, NAME, ROUTERS, complete_document


def openapi_page() -> str:
    """Return the document, as the file holds it."""
    app = App(NAME, title="Leadflow", version=VERSION, description=DESCRIPTION)
    complete_document(app)
    for router in ROUTERS:
        app.include_router(router)
    return json.dumps(app.openapi(), indent=1, ensure_ascii=False) + "\n"
