"""Whatever stands in a file loads or is a ConfigError, and a dump loads again."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING

import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from forewarn.config import load
from forewarn.config_keys import KEYS
from forewarn.errors import ConfigError
from tests.tools.configs import loaded, nested

if TYPE_CHECKING:
    from pathlib import Path

TEXTS = st.text(st.characters(exclude_categories=["Cs", "Cc"]), max_size=20)


@settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.fixed_dictionaries(
        {},
        optional={
            "deployment": TEXTS,
            "version": TEXTS,
            "track": st.sampled_from(["stable", "canary"]),
            "poll.timeout": st.floats(1e-3, 1e6),
            "poll.max_page_bytes": st.integers(1, 10**12),
            "objectives.slo_ratio": st.floats(1e-9, 1.0),
            "objectives.spare_replicas": st.integers(0, 50),
            "replica.gpus": st.floats(1e-9, 1e9),
            "engine.url": st.sampled_from(["http://h:1", "https://[::1]:8000/base"]),
            "server.listen": st.sampled_from([":0", "[::1]:9841", "9841"]),
        },
    )
)
def test_the_dump_loads_again_to_the_same_settings(written: Path, given_settings: dict[str, object]) -> None:
    """--print-config output is a configuration file for the same settings."""
    config = load(None, {}, {path: ("flag", value) for path, value in given_settings.items()})
    assert loaded(written, config.dump()).values == config.values


SCALARS = st.one_of(
    st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=8), st.binary(max_size=4),
    st.dates(dt.date(1, 1, 1)), st.sampled_from([10**400, -1, 0, "5s", "9" * 400 + "s", "1e999", "\ud7ff", "0x1"]),
)  # fmt: skip
NAMES = st.one_of(
    st.sampled_from([part for key in KEYS for part in (key.path, *key.path.split("."))]), st.text(max_size=6), SCALARS
)
TREES = st.recursive(
    SCALARS,
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(NAMES, inner, max_size=4)),
    max_leaves=8,
)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.dictionaries(NAMES, TREES, max_size=5))
def test_any_tree_loads_or_is_a_config_error(written: Path, tree: dict[object, object]) -> None:
    """No YAML value raises anything but ConfigError, in one line."""
    written.write_text(yaml.safe_dump(tree), encoding="utf-8")
    _loads_or_config_error(written)


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.sampled_from([key.path for key in KEYS]), SCALARS)
def test_any_value_of_a_known_key_loads_or_is_a_config_error(written: Path, path: str, value: object) -> None:
    """The same for each setting's own reader."""
    written.write_text(nested(path, value), encoding="utf-8")
    _loads_or_config_error(written)


YAML_WORDS = ["!!int ", "!!float ", "!!timestamp ", "!!bool ", "!!binary ", "!!set ", "!!omap ", "!x ", "&a ", "*a",
              "<<", ": ", "? ", "- ", "\n", "  ", "{", "}", "[", "]", "'", '"', "#", "|", ">", "%", "@", "`", "poll",
              "version", "timeout", "1", "\t", "~", "---", "..."]  # fmt: skip


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.sampled_from(YAML_WORDS), max_size=12).map("".join))
def test_any_text_loads_or_is_a_config_error(written: Path, text: str) -> None:
    """The same for text that only looks like YAML."""
    written.write_text(text, encoding="utf-8")
    _loads_or_config_error(written)


def _loads_or_config_error(path: Path) -> None:
    try:
        load(str(path), {}, {})
    except ConfigError as error:
        assert len(str(error).splitlines()) == 1  # noqa: PT017  both outcomes are right
