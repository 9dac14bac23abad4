"""``docs/reference/openapi.json``: the calls as api serves them at ``/openapi.json``; the console is typed by it."""

import json

from libs.common.version import VERSION
from libs.common.web.app import App
from services.api.http.openapi import COMPONENTS
from services.api.http.routes import router
from services.api.main import DESCRIPTION


def openapi_page() -> str:
    """Return the document, as the file holds it."""
    app = App(title="Leadflow", version=VERSION, description=DESCRIPTION)
    app.components.update(COMPONENTS)
    app.include_router(router)
    return json.dumps(app.openapi(), indent=1, ensure_ascii=False) + "\n"
