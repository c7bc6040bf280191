"""`rapport identity ...`: the commands about who is one customer, each in a file of its own."""

import typer

from flows.commands import identity_act, identity_look, identity_propose, identity_review


def register(app: typer.Typer) -> None:
    """Add the group of commands to `app`."""
    group = typer.Typer(no_args_is_help=True, help="Who is one customer, why, and what to do where that is wrong.")
    for module in (identity_look, identity_act, identity_propose, identity_review):
        module.register(group)
    app.add_typer(group, name="identity")
