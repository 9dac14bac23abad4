"""The half of ``leadflow`` that talks to the servers themselves: deployment and repair, for the people on call."""

import typer

from services.operator import commands
from services.operator.erase_command import erase
from services.operator.no_answer import quiet_drivers
from services.operator.recover_command import recover

PANEL = "Operations (with the servers' secrets)"


def add_operations(app: typer.Typer, imports: typer.Typer) -> None:
    """Add them to the program, and those that look at one import to its commands of imports."""
    quiet_drivers()
    imports.command("inspect", rich_help_panel=PANEL)(commands.inspect)
    app.command(rich_help_panel=PANEL)(commands.migrate)
    app.command(rich_help_panel=PANEL)(erase)
    app.command(rich_help_panel=PANEL)(recover)
    app.command("reindex-leads", rich_help_panel=PANEL)(commands.reindex)
    app.command("chunks", rich_help_panel=PANEL)(commands.list_imports)
    dead_letters = typer.Typer(no_args_is_help=True, help="Messages that could not be processed.")
    dead_letters.command("list")(commands.list_letters)
    dead_letters.command("show")(commands.show_letter)
    dead_letters.command("replay")(commands.replay)
    app.add_typer(dead_letters, name="dead-letters", rich_help_panel=PANEL)
