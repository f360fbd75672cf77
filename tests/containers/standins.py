"""Base images made on this machine from Debian's packages, under the names that our files use.

They are for machines that reach no container registry, and live only in the storage of these tests.
"""

from __future__ import annotations

import re
import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import yaml

from tests.containers.podman import ROOT

if TYPE_CHECKING:
    from tests.containers.podman import Podman

FOLDER = Path(__file__).parent / "standins"
DEBIAN = "localhost/forewarn-standin/debian:trixie"
_DEBOOTSTRAP_SECONDS = 420


def names() -> dict[str, str]:
    """Containerfile's stem → the name that the stand-in takes."""
    base = re.search(
        r"^ARG PYTHON_IMAGE=(\S+)$", (ROOT / "exporter/Dockerfile").read_text(encoding="utf-8"), re.MULTILINE
    )
    assert base
    services = yaml.safe_load((ROOT / "docker-compose.yml").read_text(encoding="utf-8"))["services"]
    return {"python": base[1], **{name: services[name]["image"] for name in ("prometheus", "alertmanager")}}


def make(podman: Podman) -> None:
    """Make the images that are not there yet."""
    if not podman.has(DEBIAN):
        _debian(podman)
    for stem, name in names().items():
        if not podman.has(name):
            podman.build(FOLDER / f"{stem}.Containerfile", name, FOLDER)


def _debian(podman: Podman) -> None:
    """A minimal Debian."""
    folder = Path(tempfile.mkdtemp(prefix="forewarn-debian-"))
    try:
        strap = ["debootstrap", "--variant=minbase", "--include=ca-certificates", "trixie", str(folder / "root")]
        subprocess.run(strap, check=True, capture_output=True, timeout=_DEBOOTSTRAP_SECONDS)
        archive = folder / "root.tar"
        subprocess.run(["tar", "-C", str(folder / "root"), "-cf", str(archive), "."], check=True, capture_output=True)
        podman.run("import", str(archive), DEBIAN, seconds=120)
    finally:
        shutil.rmtree(folder)
