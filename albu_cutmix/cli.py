"""`albu-cutmix`: the command line."""

from __future__ import annotations

import argparse
import sys
import traceback
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from albu_cutmix.commands import add_commands, seed
from albu_cutmix.data_arguments import add_data, open_pool, with_data
from albu_cutmix.demo import run as run_demo
from albu_cutmix.doctor import examine, find_trouble
from albu_cutmix.errors import CutMixError
from albu_cutmix.scenes import scene_pool

__all__ = ["main"]


def main(argv: Sequence[str] | None = None) -> int:
    """Run a command.

    Args:
        argv: Arguments; those of the process where None.

    Returns:
        0; 1 where an audit passed a bound; 2, with a message on stderr, where the command could
        not run.
    """
    args = _parser().parse_args(argv)
    try:
        with warnings.catch_warnings():
            warnings.showwarning = _show_warning
            return int(args.run(args))
    except (CutMixError, OSError) as error:
        print(f"albu-cutmix {args.command}: {error}", file=sys.stderr)
    except KeyboardInterrupt:
        print(f"albu-cutmix {args.command}: interrupted", file=sys.stderr)
    except Exception:  # noqa: BLE001 - a bug must not exit with 1, which says that a bound was passed
        traceback.print_exc()
    return 2


def _show_warning(message: Warning | str, *_: Any, **__: Any) -> None:
    """Print a warning as one line: whoever runs a command has no use for its place in the code."""
    print(f"albu-cutmix: {message}", file=sys.stderr)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="albu-cutmix", description="CutMix for Albumentations.")
    commands = parser.add_subparsers(dest="command", required=True)
    demo = commands.add_parser(
        "demo",
        help="mix a few samples and draw what happened",
        description="Mix a few samples, of your data or of drawn scenes, and write "
        "contact_sheet.png and records.jsonl.",
    )
    demo.add_argument("--out", required=True, metavar="DIR", help="folder for the results")
    add_data(demo)
    demo.add_argument("--n", type=int, default=4, help="number of mixes (default 4)")
    demo.add_argument("--seed", type=seed, default=0, help="seed of the draws (default 0)")
    demo.set_defaults(run=_run_demo)
    add_commands(commands)
    doctor = commands.add_parser(
        "doctor",
        help="say what is installed, and what batches can be mixed with",
        description="Say what is installed, what batches can be mixed with, and what not and why.",
        epilog="Exit code 0: all is well; 1: the installation is in trouble.",
    )
    doctor.set_defaults(run=_run_doctor)
    return parser


def _run_demo(args: argparse.Namespace) -> int:
    """Run the demo, on drawn scenes where no data set is named."""
    pool = open_pool(args) if with_data(args) else scene_pool(10)
    print(run_demo(pool, Path(args.out), n=args.n, seed=args.seed))
    return 0


def _run_doctor(args: argparse.Namespace) -> int:  # noqa: ARG001 - it has none
    """Say what is here."""
    print("\n".join(examine()))
    return 1 if find_trouble() else 0
