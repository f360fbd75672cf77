"""`python -m tools.deploy [--check]`: write dashboards/kustomization.yaml, or say that it is not current."""

from __future__ import annotations

import sys
from pathlib import Path

import yaml

from tools import generated

FOLDER = generated.ROOT / "dashboards"
NAME = "kustomization.yaml"
_HEAD = """\
# Written by `make render`; do not edit. The boards as ConfigMaps for Grafana's sidecar, one each:
#
#   kubectl apply --server-side -n monitoring -k dashboards
"""


def text(boards: list[str]) -> str:
    """The kustomization of boards, given their file names."""
    tree = {
        "apiVersion": "kustomize.config.k8s.io/v1beta1",
        "kind": "Kustomization",
        # No hash in the names: Grafana would show the old board beside the new one.
        "generatorOptions": {
            "disableNameSuffixHash": True,
            "labels": {"grafana_dashboard": "1"},
            "annotations": {"grafana_folder": "vLLM"},
        },
        "configMapGenerator": [
            {"name": f"forewarn-board-{Path(board).stem.replace('_', '-').lower()}", "files": [board]}
            for board in boards
        ],
    }
    return _HEAD + yaml.safe_dump(tree, sort_keys=False)


def run(folder: Path = FOLDER, *, check: bool) -> int:
    """Write the file if it is not current, or only say so; 1 when a check finds that. No boards, no file."""
    boards = sorted(path.name for path in folder.glob("*.json"))
    wanted = {folder / NAME: text(boards)} if boards else {}
    return generated.update(wanted, "render", check=check, root=folder.parent)


def main() -> int:
    """Run the command."""
    return run(check=generated.only_check("tools.deploy", __doc__))


if __name__ == "__main__":
    sys.exit(main())
