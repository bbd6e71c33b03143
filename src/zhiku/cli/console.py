"""The console from the command line: a lost password is replaced here."""

import typer

from zhiku.access.sessions import change_password
from zhiku.cli.catalog import open_catalog
from zhiku.errors import InvalidParam
from zhiku.settings import Settings


def set_password(settings: Settings) -> None:
    """Ask for a new password twice and set it; exit with 1 if it may not be one."""
    password: str = typer.prompt("New password", hide_input=True, confirmation_prompt=True)
    with open_catalog(settings) as rt:
        try:
            change_password(rt, password)
        except InvalidParam as error:
            typer.echo(str(error), err=True)
            raise typer.Exit(1) from error
    typer.echo("The password is changed; everybody is signed out.")
