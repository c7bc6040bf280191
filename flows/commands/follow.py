"""`rapport follow`."""

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Event
from types import FrameType
from typing import TYPE_CHECKING, Annotated

import typer

from flows.console import clean, emit
from flows.options import AsJson, existing_home

if TYPE_CHECKING:
    from flows.work import RunReport


def register(app: typer.Typer) -> None:
    """Add the command to `app`."""

    @app.command("follow")
    def follow(
        context: typer.Context,
        every: Annotated[float, typer.Option(min=0.1, help="Seconds between looks at the landing.")] = 5.0,
        json: AsJson = False,
    ) -> None:
        """Run again and again, as soon as something is landed, until interrupted."""
        from flows.follow import follow as follow_home

        found = existing_home(context)
        with interruptible() as stop:
            done = follow_home(found, every, stop, lambda _: None, _tell)
        if json:
            emit({"runs": done.runs, **vars(done.counts)})


def _tell(report: "RunReport") -> None:
    counted = ", ".join(f"{name} {count:,}" for name, count in vars(report.counts).items())
    typer.echo(clean(f"commit {report.commit_seq}: {counted}"), err=True)


@contextmanager
def interruptible() -> Iterator[Event]:
    """An event that SIGINT or SIGTERM sets: the run at work ends well. A second signal does what it always does."""
    stop = Event()
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}

    def restore() -> None:
        for number, handler in before.items():
            signal.signal(number, handler)

    def end(_number: int, _frame: FrameType | None) -> None:
        stop.set()
        restore()

    for number in before:
        signal.signal(number, end)
    try:
        yield stop
    finally:
        restore()
