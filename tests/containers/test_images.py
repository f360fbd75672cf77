"""The images: small, not root, read-only, labelled, the same when built again."""

from __future__ import annotations

import json
import subprocess
from typing import TYPE_CHECKING, Any

import pytest

from forewarn import __version__
from tests.containers import standins
from tests.containers.podman import LIMITS, ROOT

if TYPE_CHECKING:
    from tests.containers.podman import Podman

# Names, modes and contents of everything that our Dockerfile adds; not the dates.
DIGEST = """
import hashlib, os
total = hashlib.sha256()
for folder, folders, names in os.walk("/opt/forewarn"):
    folders.sort()
    for name in sorted(names):
        path = os.path.join(folder, name)
        content = os.readlink(path).encode() if os.path.islink(path) else open(path, "rb").read()
        total.update(repr((path, os.lstat(path).st_mode)).encode() + content)
print(total.hexdigest())
"""


def inspect(podman: Podman, image: str) -> dict[str, Any]:
    """What podman knows of an image."""
    found: dict[str, Any] = json.loads(podman.run("image", "inspect", image).stdout)[0]
    return found


def test_the_image_says_what_it_is(podman: Podman, images: dict[str, str]) -> None:
    """OCI labels, with this version."""
    labels = inspect(podman, images["forewarn"])["Labels"]
    prefix = "org.opencontainers.image."
    found = {name.removeprefix(prefix): text for name, text in labels.items() if name.startswith(prefix)}
    assert found["version"] == __version__
    assert found["licenses"] == "Apache-2.0"
    assert {"title", "description", "source", "documentation", "revision"} <= set(found)


@pytest.mark.parametrize("which", ["forewarn", "engine"])
def test_the_image_is_not_root_and_has_a_health_check(podman: Podman, images: dict[str, str], which: str) -> None:
    """A numeric user, so that Kubernetes can tell."""
    found = inspect(podman, images[which])
    assert found["User"] == "65532:65532"
    assert found["Healthcheck"]["Test"][0] == "CMD"


@pytest.mark.parametrize("which", ["forewarn", "engine"])
def test_the_image_adds_little_to_its_base(podman: Podman, images: dict[str, str], which: str) -> None:
    """Less than 20 MB."""
    base = inspect(podman, standins.names()["python"])["Size"]
    assert inspect(podman, images[which])["Size"] - base < 20e6


def test_the_program_runs_hardened(podman: Podman, images: dict[str, str]) -> None:
    """Version and rules, with no network, no capability and a read-only root."""
    assert podman.once(images["forewarn"], "--version").strip() == f"forewarn {__version__}"
    assert "kind: PrometheusRule" in podman.once(images["forewarn"], "rules", "--format", "operator")


def test_the_environment_holds_no_installer(podman: Podman, images: dict[str, str]) -> None:
    """What is not there is not attacked."""
    script = "import importlib.util as u; print([n for n in ('pip','setuptools','hatchling') if u.find_spec(n)])"
    assert podman.once(images["forewarn"], "-c", script, flags=("--entrypoint", "python")).strip() == "[]"


def test_nothing_is_compiled_at_start(podman: Podman, images: dict[str, str]) -> None:
    """Every module of ours has its bytecode in the image."""
    script = (
        "import forewarn,pathlib as p,importlib.util as u\n"
        "m=[f for f in p.Path(forewarn.__file__).parent.rglob('*.py')]\n"
        "print(len(m), [str(f) for f in m if not p.Path(u.cache_from_source(str(f))).exists()])"
    )
    count, missing = podman.once(images["forewarn"], "-c", script, flags=("--entrypoint", "python")).split(maxsplit=1)
    assert int(count) > 20
    assert missing.strip() == "[]"


def test_a_second_build_gives_the_same_files(podman: Podman, images: dict[str, str]) -> None:
    """Built again from nothing but the base, on the same base."""
    again = f"{images['forewarn']}-again"
    podman.build(ROOT / "exporter" / "Dockerfile", again, ROOT, "--no-cache")
    flags = ("--entrypoint", "python", "--user", "0")
    first, second = (podman.once(image, "-c", DIGEST, flags=flags) for image in (images["forewarn"], again))
    assert len(first.strip()) == 64
    assert first == second


def test_the_sidecar_ends_when_told(podman: Podman, images: dict[str, str]) -> None:
    """As process 1 it takes SIGTERM, and says that it stopped."""
    hard = ["--read-only", "--cap-drop", "ALL", "--network", "none", "--name", "forewarn-ends", "--replace"]
    command = podman.command("run", "--rm", *hard, *LIMITS, images["forewarn"])
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env=podman.environment
    ) as child:
        assert child.stdout
        lines = iter(child.stdout.readline, "")
        assert any("forewarn started" in line for line in lines)
        podman.run("stop", "--time", "10", "forewarn-ends")
        assert any("forewarn stopped" in line for line in lines)
        assert child.wait(20) == 0
