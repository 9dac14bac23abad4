"""Wires the command ``leadflow``: imports over HTTP with a token; deployment and repair for people on call.

Drivers of the servers take most of a second to read. Who imports a file needs none of them: they are read only where an
operation may be asked for, or the help that lists all commands.
"""

import sys

import typer

from services.operator.client import import_commands as client
from services.operator.client.over_http import is_over_http
from services.operator.client.uploading import import_file

IMPORTS = "Imports (over HTTP, with your token)"

app = typer.Typer(
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    help="Import spreadsheets of leads; deploy Leadflow, look into its imports, repair them, erase a person.",
)
app.command("import", rich_help_panel=IMPORTS)(import_file)

imports = typer.Typer(no_args_is_help=True, help="Look at imports, cancel them, take them back.")
for call in (client.show, client.watch, client.rows, client.cancel, client.undo, client.delete):
    imports.command()(call)
imports.command("list")(client.list_imports)
app.add_typer(imports, name="imports", rich_help_panel=IMPORTS)
app.command(rich_help_panel=IMPORTS)(client.template)
app.command(rich_help_panel=IMPORTS)(client.quota)

auth = typer.Typer(no_args_is_help=True, help="Sign in and out.")
for step in (client.login, client.status, client.logout):
    auth.command()(step)
app.add_typer(auth, name="auth", rich_help_panel=IMPORTS)

if not is_over_http(sys.argv[1:]):
    from services.operator.operations import add_operations

    add_operations(app, imports)

if __name__ == "__main__":
    app()
