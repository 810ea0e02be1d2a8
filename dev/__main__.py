"""`python -m dev`: the whole order pipeline on this machine, with nothing to install and nobody to ask.

Starts PostgreSQL, Temporal, emulators of Stripe, Gemini, the manufacturer and the object store, and a demo shop; migrates and
seeds; starts API and worker; plays one web order from upload to delivery. Data stay in one folder and survive restarts, running
orders too.
"""

import argparse
import asyncio
import sys
from dataclasses import fields
from pathlib import Path

from rich.console import Console
from rich.markup import escape

from dev.guard import ROOT
from dev.process import RunnerError
from dev.runner import Options, run
from dev.world import Ports


def parse(arguments: list[str]) -> Options:
    """Read the command line; the options that move ports come from `Ports`."""
    parser = argparse.ArgumentParser(
        prog="python -m dev", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--once", action="store_true", help="play one order, stop everything, and say by exit code how it went")
    parser.add_argument("--no-order", action="store_true", help="start everything and play no order")
    parser.add_argument("--no-storefront", action="store_true", help="start no demo shop: another storefront listens there")
    parser.add_argument("--reload", action="store_true", help="restart API and worker when their code changes")
    parser.add_argument("--data", type=Path, default=ROOT / ".data", help="where everything is kept (%(default)s)")
    parser.add_argument("--port-offset", type=int, default=0, metavar="N", help="move every port by N")
    for field in fields(Ports):
        parser.add_argument(Ports.option(field.name), type=int, metavar="PORT", help=f"({field.default})")
    chosen = parser.parse_args(arguments)
    if chosen.once and chosen.no_order:
        parser.error("--once plays an order; --no-order plays none")
    ports = {field.name: getattr(chosen, f"{field.name}_port") for field in fields(Ports)}
    moved = Ports().moved_by(chosen.port_offset)
    return Options(
        data=chosen.data.absolute(),
        ports=Ports(**{name: port or getattr(moved, name) for name, port in ports.items()}),
        reload=chosen.reload,
        order=not chosen.no_order,
        storefront=not chosen.no_storefront,
        once=chosen.once,
    )


def main() -> int:
    options = parse(sys.argv[1:])
    console = Console()
    try:
        asyncio.run(run(options, console))
    except RunnerError as error:
        console.print(f"[red]✗[/red] {escape(str(error))}", highlight=False, soft_wrap=True)
        return 1
    except asyncio.CancelledError:
        console.print("Stopped.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
