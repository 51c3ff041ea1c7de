"""The commands that read the user's data: `audit`, `preview` and `pack`."""

from __future__ import annotations

import argparse
import importlib.util
import os
from pathlib import Path
from typing import Any

from PIL import Image

from albu_cutmix.data_arguments import add_data, open_pool
from albu_cutmix.demo import draw_sheet, mix_samples
from albu_cutmix.errors import InvalidArgumentError, MissingExtraError
from albu_cutmix.pool import BasePool
from albu_cutmix.presets import PRESETS
from albu_cutmix.report import AuditReport, audit, check_writable
from albu_cutmix.report.bench import draw_order
from albu_cutmix.report.bounds import BOUNDED, Bound, read_bounds
from albu_cutmix.report.samples import wrap
from albu_cutmix.transforms import CutMix
from albu_cutmix.wrappers import pack

__all__ = ["BOUNDED", "add_commands", "read_bounds", "seed"]


def add_commands(commands: Any) -> None:
    """Add the commands to the sub-parsers of `albu-cutmix`; each sets `run`."""
    _add_audit(commands)
    _add_preview(commands)
    _add_pack(commands)


def _add_audit(commands: Any) -> None:
    parser = commands.add_parser(
        "audit",
        help="say what CutMix does to your objects and labels",
        description="Mix samples of a data set as training would, and report what becomes of "
        "objects and labels.",
        epilog="Exit code 0: done; 1: a bound of --fail-on was passed; 2: the audit could not run.",
    )
    add_data(parser)
    _add_policy(parser)
    parser.add_argument("--n", type=int, default=1000, help="number of mixes (default 1000)")
    parser.add_argument("--workers", type=int, default=0, help="processes (default 0: this one)")
    parser.add_argument("--no-sweep", action="store_true", help="try no other settings")
    parser.add_argument("--strict", action="store_true", help="stop at the first unreadable image")
    parser.add_argument("--out", metavar="HTML", help="write the report as one page")
    parser.add_argument("--json", metavar="JSON", help="write the report with the row of each mix")
    parser.add_argument(
        "--fail-on",
        metavar="BOUNDS",
        help=f'exit with 1 where one is passed, such as "erased>0.05,applied<0.3"; of '
        f"{', '.join(BOUNDED)}",
    )
    parser.set_defaults(run=run_audit)


def _add_preview(commands: Any) -> None:
    parser = commands.add_parser(
        "preview",
        help="draw a sheet of mixes of your data",
        description="Mix a few samples and draw primary, donor and mix of each.",
    )
    add_data(parser)
    _add_policy(parser)
    parser.add_argument("--n", type=int, default=12, help="number of mixes (default 12)")
    parser.add_argument("--out", required=True, metavar="PNG", help="the picture")
    parser.set_defaults(run=run_preview)


def _add_pack(commands: Any) -> None:
    parser = commands.add_parser(
        "pack",
        help="write a data set into one file, decoded, that all workers share",
        description="Read every sample once and write it into one file, decoded. A file that is "
        "there stays as it is until all of the new one is on the disk.",
    )
    add_data(parser)
    parser.add_argument("--out", required=True, metavar="FILE", help="the packed file")
    parser.set_defaults(run=run_pack)


def seed(text: str) -> int:
    """Return the seed of a command line: a whole number of at least 0."""
    number = int(text)
    if number < 0:
        raise argparse.ArgumentTypeError(f"must be 0 or more, got {text}")
    return number


def _add_policy(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--preset", choices=sorted(PRESETS), help="arguments to begin with")
    parser.add_argument("--placement", help="where the patch lies, see CutMix")
    parser.add_argument(
        "--area", type=float, nargs=2, metavar=("LEAST", "MOST"), help="share of the patch"
    )
    parser.add_argument("--min-visibility", type=float, metavar="SHARE", help="see CutMix")
    parser.add_argument("--p", type=float, help="probability (default 0.5; preview: 1)")
    parser.add_argument("--seed", type=seed, default=0, help="seed of the draws (default 0)")


def run_audit(args: argparse.Namespace) -> int:
    """Run `audit`: what can be refused is refused before the work.

    Returns:
        1 where a bound was passed, else 0.

    Raises:
        CutMixError: If the audit could not run.
        OSError: If a file cannot be read.
    """
    bounds = [] if args.fail_on is None else read_bounds(args.fail_on)
    for path in filter(None, (args.out, args.json)):
        check_writable(path)
    if args.out and args.json and os.path.realpath(args.out) == os.path.realpath(args.json):
        raise InvalidArgumentError(f"--out and --json must be two files, got {args.out!r} twice.")
    if args.out and importlib.util.find_spec("jinja2") is None:
        raise MissingExtraError(
            "--out needs jinja2, which is not installed. Install it with: pip install "
            '"albu_cutmix[report]", or leave --out away.'
        )
    _mix(args, None, 0.5)  # what is wrong with the settings is told before data are read
    pool = open_pool(args)
    report = audit(
        _mix(args, pool, 0.5), pool, args.n, args.seed, args.workers,
        sweep=not args.no_sweep, strict=args.strict,
    )  # fmt: skip
    print(report)
    if args.out:
        report.to_html(args.out)
        print(args.out)
    if args.json:
        report.to_json(args.json)
        print(args.json)
    return _judge(bounds, report)


def _judge(bounds: list[Bound], report: AuditReport) -> int:
    known = [bound for bound in bounds if report.summary[bound.key] is not None]
    passed = [bound for bound in known if bound.is_passed(report.summary)]
    for bound in passed:
        print(f"FAILED {bound}: {bound.key} is {report.summary[bound.key]:.4g}")
    for bound in bounds:  # one that does not apply is an error, told after those that do
        bound.is_passed(report.summary)
    return 1 if passed else 0


def run_preview(args: argparse.Namespace) -> int:
    """Run `preview`.

    Returns:
        0.

    Raises:
        CutMixError: If there is nothing to draw.
        OSError: If a file cannot be read.
    """
    if args.n < 1:
        raise InvalidArgumentError(f"--n must be at least 1, got {args.n}.")
    check_writable(args.out)
    if Path(args.out).suffix.lower() != ".png":
        raise InvalidArgumentError(f"--out must be a PNG file, got {args.out!r}.")
    _mix(args, None, 1.0)
    pool = open_pool(args)
    transform = wrap(_mix(args, pool, 1.0), pool)
    transform.set_random_seed(args.seed)
    mixes = mix_samples(transform, pool, draw_order(args.seed, len(pool), args.n))
    Image.fromarray(draw_sheet(mixes)).save(args.out, optimize=True)
    print(args.out)
    return 0


def run_pack(args: argparse.Namespace) -> int:
    """Run `pack`.

    Returns:
        0.

    Raises:
        CutMixError: If there is nothing to pack, or it cannot be written.
        OSError: If a file cannot be read.
    """
    pool = pack(open_pool(args), args.out)
    size = Path(args.out).stat().st_size
    print(f"{args.out}: {len(pool)} donors, {size / 1e6:,.1f} MB")
    print(f"from albu_cutmix import CutMix, packed\nCutMix(packed({args.out!r}))")
    return 0


def _mix(args: argparse.Namespace, pool: BasePool | None, p: float) -> CutMix:
    """Return the mix that the arguments ask for: the preset's, then what is named."""
    given = {
        "placement": args.placement,
        "area_range": tuple(args.area) if args.area else None,
        "min_visibility": args.min_visibility,
        "p": p if args.p is None else args.p,
    }
    arguments: dict[str, Any] = dict(PRESETS[args.preset]) if args.preset else {}
    arguments |= {name: value for name, value in given.items() if value is not None}
    return CutMix(pool, **arguments)
