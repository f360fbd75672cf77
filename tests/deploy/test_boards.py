"""The boards as ConfigMaps: rendered from the folder, named for Grafana's sidecar, small enough for Kubernetes."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from tests.deploy.kustomize import RELEASES, rendered, validate
from tools.deploy.__main__ import FOLDER, run

if TYPE_CHECKING:
    from pathlib import Path

LARGEST = 2**20
"""What Kubernetes takes as one ConfigMap, in bytes."""
BOARDS = {"on_call.json": {"title": "On call"}, "fleet.json": {"title": "Fleet"}}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with boards of known content, rendered."""
    for name, board in BOARDS.items():
        (tmp_path / name).write_text(json.dumps(board), encoding="utf-8")
    assert run(tmp_path, check=False) == 0
    return tmp_path


def test_every_board_becomes_a_configmap(folder: Path) -> None:
    """With the label that Grafana's sidecar looks for, a name without a hash, and the board as it is."""
    maps = {resource["metadata"]["name"]: resource for resource in rendered(folder)}
    assert set(maps) == {"forewarn-board-on-call", "forewarn-board-fleet"}
    for resource in maps.values():
        validate(resource, RELEASES[-1])
        assert resource["metadata"]["labels"] == {"grafana_dashboard": "1"}
        ((name, text),) = resource["data"].items()
        assert json.loads(text) == BOARDS[name]


def test_a_new_board_makes_it_stale(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The check names the file and the verb; rendering heals it."""
    assert run(folder, check=True) == 0
    (folder / "cost.json").write_text("{}", encoding="utf-8")
    assert run(folder, check=True) == 1
    assert "kustomization.yaml; run make render" in capsys.readouterr().err
    assert run(folder, check=False) == 0
    assert run(folder, check=True) == 0


def test_a_folder_without_boards_gets_nothing(tmp_path: Path) -> None:
    """An empty kustomization is an error for kubectl."""
    assert run(tmp_path / "none", check=True) == run(tmp_path, check=False) == 0
    assert list(tmp_path.iterdir()) == []


def test_our_boards_fit() -> None:
    """Each board of this repository is a ConfigMap that Kubernetes takes."""
    boards = sorted(FOLDER.glob("*.json"))
    maps = rendered(FOLDER) if boards else ()
    assert len(maps) == len(boards)
    for resource in maps:
        validate(resource, RELEASES[-1])
        assert sum(map(len, resource["data"].values())) < LARGEST
