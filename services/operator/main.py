"""Wires the command ``leadflow``: deployment, and repair by the people on call."""

import typer

from services.operator import commands
from services.operator.no_answer import quiet_drivers

quiet_drivers()
app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    help="Deploy Leadflow, look into its imports, repair them.",
)
app.command()(commands.migrate)

dead_letters = typer.Typer(no_args_is_help=True, help="Messages that could not be processed.")
dead_letters.command("list")(commands.list_letters)
dead_letters.command("show")(commands.show_letter)
dead_letters.command("replay")(commands.replay)
app.add_typer(dead_letters, name="dead-letters")

imports = typer.Typer(no_args_is_help=True, help="Imports and their chunks.")
imports.command("list")(commands.list_imports)
imports.command("inspect")(commands.inspect)
app.add_typer(imports, name="imports")

if __name__ == "__main__":
    app()
