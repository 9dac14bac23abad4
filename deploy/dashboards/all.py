"""The dashboards that there are."""

from deploy.dashboards.all_services import OVERVIEW
from deploy.dashboards.one_import import ONE_IMPORT
from deploy.dashboards.one_service import ONE_SERVICE

DASHBOARDS = (OVERVIEW, ONE_SERVICE, ONE_IMPORT)
