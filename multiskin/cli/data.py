"""The commands for data: tables of grades and their photos."""

import sys
from pathlib import Path
from shlex import quote

from multiskin.cli.parsers import Parser, int_at_least, summary
from multiskin.cli.photos import checked_photos, faces_in, with_photos_drawn
from multiskin.cli.settings import fit_config, out_folder
from multiskin.cli.terminal import ask, console, progress, take_default
from multiskin.errors import unknown


def data_init(arguments: list[str]) -> None:
    """Write a first schema and config for your own table."""
    parser = Parser("multiskin data init", description=summary(data_init))
    parser.add_argument("table", help="a .csv or .parquet table with a column of photos and columns of grades")
    parser.add_argument("--out", default=".", help="the folder to write to; default: the working directory")
    parser.add_argument("--yes", action="store_true", help="ask no questions and take the default answers")
    parser.add_argument("--overwrite", action="store_true", help="replace existing files")
    options = parser.parse_args(arguments)
    from multiskin.data.first_config import write
    from multiskin.data.proposal import propose

    interactive = sys.stdin.isatty() and not options.yes
    proposal = propose(options.table, ask if interactive else take_default)
    for path in write(proposal, options.out, overwrite=options.overwrite):
        print(path)


def data_import(arguments: list[str]) -> None:
    """Make a table, a schema and a config from a dataset in its own layout; the photos stay where they are."""
    from multiskin.data.adapters import LAYOUTS

    parser = Parser("multiskin data import", description=summary(data_import))
    parser.add_argument("layout", help=f"layout of the dataset: {', '.join(LAYOUTS)}")
    parser.add_argument("source", type=Path, help="the dataset's folder")
    parser.add_argument(
        "out",
        type=Path,
        help="the folder to write to: labels.csv, report.csv (what was left out and why), and schema.yaml, "
        "mapping.yaml and config.yaml, which you may edit: existing ones are used and kept",
    )
    options = parser.parse_args(arguments)
    from multiskin.data.adapters.importer import import_labels

    if options.layout not in LAYOUTS:
        raise unknown("layout", options.layout, LAYOUTS)
    with progress("reading labels") as advance:
        made = import_labels(LAYOUTS[options.layout](), options.source, options.out, advance)
    print(f"{made.table}: {made.rows} rows")
    if made.found:
        print("\n".join([f"{made.report}:", *made.found]))
    print(f"next: multiskin data check --config {quote(str(made.config))}")


def data_check(arguments: list[str]) -> None:
    """Check a table and its photos, and count the grades on each side of the split."""
    config, schema = fit_config("multiskin data check", summary(data_check), arguments)
    from multiskin.reports.tables import print_grades
    from multiskin.training.checks import check

    check(config, schema)
    print_grades(checked_photos(with_photos_drawn(config), schema), console())


def data_stats(arguments: list[str]) -> None:
    """Show the distribution of grades by attribute, part and group, missing grades, and correlations."""
    config, schema = fit_config("multiskin data stats", summary(data_stats), arguments)
    from multiskin.reports.data_page import write_data_page
    from multiskin.reports.data_tables import GradeTables, print_tables, write_tables

    root = out_folder(config, "stats", arguments)
    tables = GradeTables(checked_photos(with_photos_drawn(config), schema))
    print_tables(tables, console())
    for path in write_tables(tables, root):
        print(path)
    print(write_data_page(tables, root, root.resolve().name))


def data_render(arguments: list[str]) -> None:
    """Draw graded photos, on drawn faces or on face photographs, to try everything out."""
    from multiskin.config import RenderConfig

    default = RenderConfig()
    parser = Parser("multiskin data render", description=summary(data_render))
    parser.add_argument("out", type=Path, help="a new folder: images/, masks/, labels.csv, truth.csv")
    parser.add_argument(
        "--persons",
        type=int_at_least(0),
        nargs=3,
        default=default.persons,
        metavar=("TRAIN", "VAL", "TEST"),
        help=f"number of persons, five photos each; default: {' '.join(map(str, default.persons))}",
    )
    size = f"height and width in pixels; default: {default.size}"
    parser.add_argument("--size", type=int_at_least(1), default=default.size, help=size)
    parser.add_argument("--seed", type=int_at_least(0), default=default.seed, help="random seed; default: 0")
    parser.add_argument(
        "--faces",
        help="a folder of face photographs to draw on, with faces.csv and landmarks.json; default: faces are drawn, "
        "too",
    )
    options = parser.parse_args(arguments)
    from multiskin.data.render.folder import render_into

    config, faces = RenderConfig(options.persons, options.size, options.seed), faces_in(options.faces)
    with progress("drawing photos") as advance:
        render_into(options.out, config, faces, advance)
    print(options.out)
