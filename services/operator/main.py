"""Wires the command ``leadflow``: imports over HTTP with a token; deployment and repair for people on call."""

import typer

from services.operator import commands
from services.operator.client import import_commands as client
from services.operator.client.uploading import import_file
from services.operator.erase_command import erase
from services.operator.no_answer import quiet_drivers
from services.operator.recover_command import recover

quiet_drivers()
IMPORTS, OPERATIONS = "Imports (over HTTP, with your token)", "Operations (with the servers' secrets)"

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
imports.command("inspect", rich_help_panel=OPERATIONS)(commands.inspect)
app.add_typer(imports, name="imports", rich_help_panel=IMPORTS)
app.command(rich_help_panel=IMPORTS)(client.template)
app.command(rich_help_panel=IMPORTS)(client.quota)

auth = typer.Typer(no_args_is_help=True, help="Sign in and out.")
for step in (client.login, client.status, client.logout):
    auth.command()(step)
app.add_typer(auth, name="auth", rich_help_panel=IMPORTS)

app.command(rich_help_panel=OPERATIONS)(commands.migrate)
app.command(rich_help_panel=OPERATIONS)(erase)
app.command(rich_help_panel=OPERATIONS)(recover)
app.command("reindex-leads", rich_help_panel=OPERATIONS)(commands.reindex)
app.command("chunks", rich_help_panel=OPERATIONS)(commands.list_imports)
dead_letters = typer.Typer(no_args_is_help=True, help="Messages that could not be processed.")
dead_letters.command("list")(commands.list_letters)
dead_letters.command("show")(commands.show_letter)
dead_letters.command("replay")(commands.replay)
app.add_typer(dead_letters, name="dead-letters", rich_help_panel=OPERATIONS)

if __name__ == "__main__":
    app()
