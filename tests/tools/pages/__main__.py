"""Writes the pages and their manifest, or checks that the committed ones equal what would be written."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import yaml

from .catalogue import CatalogueError, load
from .page import text
from .plan import PAGES
from .truth import SCHEMA, entry

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from .catalogue import Catalogue

HERE = Path(__file__).resolve().parent
CATALOGUE = HERE / "catalogue.yaml"
WRITTEN = HERE.parents[1] / "fixtures" / "pages" / "written"
MANIFEST = "manifest.yaml"


def render(catalogue: Catalogue) -> dict[str, str]:
    """Every file of the folder: name → text."""
    files = {spec.file: text(spec, catalogue) for spec in PAGES}
    manifest = {"schema": SCHEMA, "pages": [entry(spec, catalogue) for spec in PAGES]}
    head = "# Written by `python -m tests.tools.pages`; the fields are described in ../SOURCES.md.\n"
    files[MANIFEST] = head + yaml.safe_dump(manifest, sort_keys=False, width=110, default_flow_style=None)
    return files


def differences(folder: Path, files: Mapping[str, str]) -> list[str]:
    """One line per file that is missing, differs or should not be there."""
    found = {path.name: path for path in folder.iterdir()} if folder.is_dir() else {}
    lines = [f"{folder / name}: is not written by this tool" for name in sorted(set(found) - set(files))]
    for name, wanted in files.items():
        if name not in found:
            lines.append(f"{folder / name}: is missing")
        elif found[name].read_text(encoding="utf-8") != wanted:
            lines.append(f"{folder / name}: differs from what the catalogue gives")
    return lines


def _write(folder: Path, files: Mapping[str, str]) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in files.items():
        (folder / name).write_text(content, encoding="utf-8", newline="\n")
    for path in folder.iterdir():
        if path.name not in files:
            path.unlink()


def _arguments(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.tools.pages", description=__doc__)
    parser.add_argument(
        "--catalogue", type=Path, default=CATALOGUE, help="catalogue of vLLM's series (default: %(default)s)"
    )
    parser.add_argument("--out", type=Path, default=WRITTEN, help="folder of the pages (default: %(default)s)")
    parser.add_argument("--check", action="store_true", help="write nothing; exit 1 if a file would change")
    return parser.parse_args(argv)


def main(argv: Sequence[str] | None = None) -> int:
    """Return the exit status: 0 done or equal, 1 different, 2 the catalogue cannot be used."""
    arguments = _arguments(argv)
    try:
        files = render(load(arguments.catalogue))
    except CatalogueError as error:
        sys.stderr.write(f"{error}\n")
        return 2
    if not arguments.check:
        _write(arguments.out, files)
        return 0
    lines = differences(arguments.out, files)
    sys.stderr.writelines(f"{line}\n" for line in lines)
    return 1 if lines else 0


if __name__ == "__main__":
    sys.exit(main())
