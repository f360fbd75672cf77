"""The wheel and the sdist install in a clean environment, and what they bring works there."""

from __future__ import annotations

import json
import subprocess
import sys
import tarfile
import venv
import zipfile
from pathlib import Path

import pytest

from forewarn import __version__, rulepack

DIST = Path(__file__).parents[2] / "dist"
WHEEL = DIST / f"forewarn-{__version__}-py3-none-any.whl"
SDIST = DIST / f"forewarn-{__version__}.tar.gz"


@pytest.fixture(scope="module", params=[WHEEL, SDIST], ids=["wheel", "sdist"])
def bin_folder(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The programs of an environment with nothing but the distribution and what it depends on."""
    folder = tmp_path_factory.mktemp("clean")
    venv.create(folder, with_pip=True)
    install = [folder / "bin" / "python", "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    subprocess.run([*install, request.param], check=True, timeout=300)
    return folder / "bin"


def run(program: Path, *arguments: str) -> str:
    """What the program prints, run outside the repository."""
    command = [program, *arguments]
    return subprocess.run(command, check=True, capture_output=True, text=True, cwd=program.parent, timeout=60).stdout


def test_it_says_its_version(bin_folder: Path) -> None:
    """As the package's source does."""
    assert run(bin_folder / "forewarn", "--version") == f"forewarn {__version__}\n"


def test_it_explains_itself(bin_folder: Path) -> None:
    """Help comes without an engine."""
    assert "--engine-url" in run(bin_folder / "forewarn", "check", "--help")


def test_it_brings_the_rules(bin_folder: Path, tmp_path: Path) -> None:
    """All of the pack, as it is in the repository."""
    run(bin_folder / "forewarn", "rules", "--out", str(tmp_path))
    assert {path.name: path.read_text(encoding="utf-8") for path in tmp_path.iterdir()} == rulepack.sources()


def test_it_brings_the_pages_and_runbooks(bin_folder: Path) -> None:
    """What the sidecar serves beside metrics."""
    script = (
        "from importlib.resources import files; from forewarn import rulepack;"
        "print((files('forewarn.pages') / 'status.html').is_file(), len(rulepack.runbooks()))"
    )
    assert run(bin_folder / "python", "-c", script).split() == ["True", str(len(rulepack.runbooks()))]


def test_passwords_are_an_extra_and_the_error_says_so(bin_folder: Path, tmp_path: Path) -> None:
    """Without bcrypt a file that needs it is one line; one that does not is fine."""
    web = tmp_path / "web.yml"
    check = [bin_folder / "forewarn", "run", "--check-config", "--web.config.file", web]
    for text, status, says in (
        (f"basic_auth_users: {{alice: $2y$10${'a' * 53}}}\n", 2, "pip install 'forewarn[web]'\n"),
        ("http_server_config: {headers: {X-Frame-Options: deny}}\n", 0, ""),
    ):
        web.write_text(text, encoding="utf-8")
        done = subprocess.run(check, check=False, capture_output=True, text=True, timeout=60)
        assert (done.returncode, done.stderr.endswith(says), len(done.stderr.splitlines())) == (
            status,
            True,
            bool(says),
        )


def test_the_distributions_hold_the_licence_and_no_tests() -> None:
    """And nothing that was lying about."""
    with zipfile.ZipFile(WHEEL) as wheel:
        names = wheel.namelist()
    assert f"forewarn-{__version__}.dist-info/licenses/LICENSE" in names
    assert {name.split("/")[0] for name in names} == {"forewarn", f"forewarn-{__version__}.dist-info"}
    with tarfile.open(SDIST) as sdist:
        top = {name.split("/")[1] for name in sdist.getnames() if "/" in name}
    assert top == {
        ".gitignore",
        "CHANGELOG.md",
        "LICENSE",
        "PKG-INFO",
        "README.md",
        "exporter",
        "pyproject.toml",
        "rules",
    }


def test_a_second_build_is_the_same(tmp_path: Path) -> None:
    """To the byte."""
    command = [sys.executable, "-m", "hatchling", "build", "--target", "wheel", "--directory", str(tmp_path)]
    subprocess.run(command, check=True, cwd=DIST.parent, capture_output=True, timeout=60)
    assert (tmp_path / WHEEL.name).read_bytes() == WHEEL.read_bytes()


def test_the_bill_of_materials_lists_what_the_image_installs() -> None:
    """Every package of the lock, with its version and hashes."""
    bill = json.loads((DIST / f"forewarn-{__version__}.cdx.json").read_text(encoding="utf-8"))
    assert bill["bomFormat"] == "CycloneDX"
    listed = {part["name"].lower(): part["version"] for part in bill["components"]}
    assert {"prometheus-client", "pyyaml", "requests"} <= {name.replace("_", "-") for name in listed}
    lock = (DIST.parent / "exporter" / "requirements.lock").read_text(encoding="utf-8")
    assert all(f"{name}=={version} \\" in lock for name, version in listed.items())
