"""Settings: precedence, one-line errors that say where, secrets kept, and a dump that loads again."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from forewarn.config import load
from forewarn.config_keys import KEYS
from forewarn.errors import ConfigError
from tests.tools.configs import loaded, nested

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from forewarn.config_keys import Key

VALID: dict[str, str] = {
    "deployment": "chat",
    "version": "1.10",
    "track": "canary",
    "engine.url": "http://engine:8000",
    "engine.kind": "vllm",
    "engine.api_key": "hunter2",
    "engine.api_key_file": "/dev/null",
    "web.config_file": "web.yml",
    "web.probe_access": "full",
    "server.listen": "127.0.0.1:9999",
    "objectives.slo_ratio": "0.5",
    "objectives.kv_cache_usage_ratio": "0.5",
    "objectives.quality_score": "0.5",
    "poll.fast_interval": "500ms",
    "poll.full_interval": "3s",
    "poll.max_sample_age": "11",
    "probe.enabled": "false",
    "probe.model": "llama",
    "warmup.enabled": "off",
    "warmup.prompt_tokens": "8,64",
    "warmup.tolerance_ratio": "0.5",
    "warmup.on_failure": "open",
    "readiness.follow_stall": "no",
    "quality.suites": "suites.d",
    "quality.interval": "2m",
    "quality.file": "scores.prom",
    "quality.token": "hunter2",
    "quality.token_file": "/dev/null",
    "log.level": "debug",
    "log.format": "json",
    "links.runbooks": "https://example.org/runbooks",
}
"""A raw value for each key that does not take a plain "7"."""
EXPECTED: dict[str, object] = {
    "objectives.slo_ratio": 0.5,
    "objectives.kv_cache_usage_ratio": 0.5,
    "objectives.quality_score": 0.5,
    "poll.fast_interval": 0.5,
    "poll.full_interval": 3.0,
    "poll.max_sample_age": 11.0,
    "probe.enabled": False,
    "warmup.enabled": False,
    "warmup.tolerance_ratio": 0.5,
    "readiness.follow_stall": False,
    "quality.interval": 120.0,
}
KEYS_BY_ID = pytest.mark.parametrize("key", KEYS, ids=lambda key: key.path)


def mistake(path: Path, text: str, environ: Mapping[str, str] | None = None) -> str:
    """The one line that a file of this text gives."""
    with pytest.raises(ConfigError) as caught:
        loaded(path, text, environ)
    message = str(caught.value)
    assert len(message.splitlines()) == 1
    return message.replace(str(path), "FILE")


def test_without_any_source_the_defaults_hold() -> None:
    """Every key has its default; the longest sample age follows the poll interval."""
    config = load(None, {}, {})
    derived = {"poll.max_sample_age": 6.0}
    assert config.values == {key.path: derived.get(key.path, key.default) for key in KEYS}
    assert config.warnings == ()


def test_a_flag_beats_a_variable_beats_the_file_beats_the_default(written: Path) -> None:
    """Each source wins over those below it, and an unset flag over none."""
    text, environ = "log: {level: error}\n", {"FOREWARN_LOG_LEVEL": "warning"}
    assert loaded(written, "").text("log.level") == "info"
    assert loaded(written, text).text("log.level") == "error"
    assert loaded(written, text, environ).text("log.level") == "warning"
    assert loaded(written, text, environ, log__level=None).text("log.level") == "warning"
    assert loaded(written, text, environ, log__level="debug").text("log.level") == "debug"


@KEYS_BY_ID
def test_every_key_is_a_variable_and_a_file_key(key: Key, written: Path) -> None:
    """The same raw text means the same in a FOREWARN_ variable and in the file."""
    raw = VALID.get(key.path, "7")
    expected = EXPECTED.get(key.path, VALID.get(key.path, 7.0))
    environ = {"FOREWARN_POLL_FAST_INTERVAL": "0.5", "FOREWARN_POLL_MAX_SAMPLE_AGE": "20"}
    assert load(None, {**environ, key.variable: raw}, {}).values[key.path] == expected
    others = {name: value for name, value in environ.items() if name != key.variable}
    assert loaded(written, nested(key.path, raw), others).values[key.path] == expected


def test_variable_names_are_the_paths() -> None:
    """Dots become underscores behind FOREWARN_, and no two keys share a variable."""
    names = [key.variable for key in KEYS]
    assert "FOREWARN_POLL_FAST_INTERVAL" in names
    assert len(set(names)) == len(names)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("tracks: stable\n", "FILE: tracks: unknown key, did you mean track?"),
        ("engin: {url: http://x}\n", "FILE: engin: unknown key, did you mean engine?"),
        ("poll: {fast_intervall: 1}\n", "FILE: poll.fast_intervall: unknown key, did you mean poll.fast_interval?"),
        ("fast_interval: 1\n", "FILE: fast_interval: unknown key, did you mean poll.fast_interval?"),
        ("poll: {qqq: 1}\n", "FILE: poll.qqq: unknown key"),
        ("'a\\nb': 1\n", "FILE: a\\nb: unknown key"),
        ('"a\\nb": 1\n', "FILE: a\\nb: unknown key"),
        ("poll: 3\n", "FILE: poll: expected a mapping of settings, got '3'"),
        ("poll: [1]\n", "FILE: poll: expected a mapping of settings, got ['1']"),
        (
            "poll: {timeout: soon}\n",
            "FILE: poll.timeout: expected a duration above 0 such as 0.25, 250ms, 2s or 5m, got",
        ),
        ("poll: {timeout: [5]}\n", "FILE: poll.timeout: expected a duration"),
        ("poll: {timeout: true}\n", "FILE: poll.timeout: expected a duration"),
        ("version: {a: 1}\n", "FILE: version: expected a string"),
        ("deployment: no\n", "FILE: deployment: expected a string"),
        ("track: beta\n", "FILE: track: expected one of stable, canary, got 'beta'"),
        ("objectives: {kv_cache_usage_ratio: 85}\n", "expected a share above 0 and at most 1 (0.85, not 85), got '85'"),
        ("engine: {url: engine:8000}\n", "FILE: engine.url: expected an address such as http://127.0.0.1:8000"),
        ("server: {listen: localhost}\n", "FILE: server.listen: expected HOST:PORT"),
        ("track: stable\ntrack: canary\n", "FILE:2:1: expected valid YAML: track is given twice"),
        ("poll: {timeout: 1, timeout: 2}\n", "FILE:1:20: expected valid YAML: timeout is given twice"),
        ("a: b: c\n", "FILE:1:5: expected valid YAML: mapping values are not allowed here"),
        ("poll:\n  timeout: [1\n", "FILE:3:1: expected valid YAML:"),
        ("? [a]\n: 1\n", "FILE:1:3: expected valid YAML: key is no name"),
        ("version: !!int x\n", "FILE:1:10: expected valid YAML: value does not fit its type"),
        ("version: !!python/name:os.system x\n", "FILE:1:10: expected valid YAML"),
        ("\0", "FILE: expected valid YAML: unacceptable character"),
        ("[" * 1000, "FILE: expected valid YAML: nested too deeply"),
        ("- track\n", "FILE: expected a mapping of settings, got a list"),
        ("just words\n", "FILE: expected a mapping of settings, got a str"),
        ("poll: {fast_interval: 3}\n", "poll.fast_interval: expected at most poll.full_interval (2 s), got 3"),
        ("poll: {max_sample_age: 1}\n", "poll.max_sample_age: expected at least poll.full_interval (2 s), got 1"),
        ('version: "\\ud800"\n', "FILE: version: expected a string of UTF-8"),
    ],
)
def test_a_mistake_is_one_line_that_says_where_and_what(written: Path, text: str, says: str) -> None:
    """Place, expectation and what was found stand in one line."""
    assert says in mistake(written, text)


def test_a_missing_file_and_a_directory_are_one_line(tmp_path: Path) -> None:
    """A path that cannot be read is named with the system's reason."""
    for path, reason in ((tmp_path / "none.yaml", "No such file or directory"), (tmp_path, "Is a directory")):
        with pytest.raises(ConfigError, match=f"{path}: expected a readable YAML file: {reason}"):
            load(str(path), {}, {})


def test_a_file_that_is_not_text_is_one_line(written: Path) -> None:
    """Bytes that are no UTF-8 are no configuration."""
    written.write_bytes(b"version: \xff\n")
    with pytest.raises(ConfigError, match="expected a readable YAML file: UnicodeDecodeError"):
        load(str(written), {}, {})


@pytest.mark.parametrize("text", ["", "# nothing\n", "poll:\n", "poll: {timeout: null}\n", "---\n"])
def test_empty_files_sections_and_values_are_the_defaults(written: Path, text: str) -> None:
    """Nothing given is nothing set."""
    assert loaded(written, text).values == load(None, {}, {}).values


@pytest.mark.parametrize("version", ["1.10", "0123456", "2024-01-02", "1_000", "0x10", "1e3", "12:30"])
def test_a_version_is_text_as_it_is_written(written: Path, version: str) -> None:
    """YAML's idea of numbers and dates does not change a version."""
    assert loaded(written, f"version: {version}\n").text("version") == version


def test_a_bad_variable_is_named(written: Path) -> None:
    """The origin in the error is the variable, not the path."""
    assert mistake(written, "", {"FOREWARN_POLL_TIMEOUT": "x"}).startswith("FOREWARN_POLL_TIMEOUT: expected a duration")


def test_an_unknown_variable_is_a_warning_with_a_suggestion() -> None:
    """A typo in a variable is told and stops nothing."""
    (warning,) = load(None, {"FOREWARN_POLL_TIMEOUTS": "1"}, {}).warnings
    assert warning == "FOREWARN_POLL_TIMEOUTS: unknown variable, ignored, did you mean FOREWARN_POLL_TIMEOUT?"


def test_variables_of_others_are_ignored_in_silence() -> None:
    """Kubernetes' variables for a service called forewarn, the plugin's and other programs' are no concern."""
    environ = {
        "FOREWARN_SERVICE_HOST": "10.0.0.1",
        "FOREWARN_SERVICE_PORT": "9841",
        "FOREWARN_SERVICE_PORT_METRICS": "9841",
        "FOREWARN_PORT": "tcp://10.0.0.1:9841",
        "FOREWARN_PORT_9841_TCP": "tcp://10.0.0.1:9841",
        "FOREWARN_PORT_9841_TCP_PROTO": "tcp",
        "FOREWARN_PLUGIN_DISABLED": "1",
        "PATH": "/bin",
    }
    assert load(None, environ, {}).warnings == ()


@pytest.mark.parametrize(
    "text",
    [
        "engine: {api_key: {hunter2: 1}}\n",
        "engine: {api_key: [hunter2]}\n",
        'engine: {api_key: "hunter2\\n"}\n',
        "engine: {api_key: *hunter2}\n",
        "engine:\n  api_key: !hunter2\n",
        "engine:\n  api_key: !!int hunter2\n",
        "engine: {api_keyy: hunter2}\n",
        "engine: {url: 'http://me:hunter2@engine:8000'}\n",
        "engine: {url: 'http://me:hunter2@engine:8000/?#'}\n",
    ],
)
def test_a_secret_never_stands_in_an_error(written: Path, text: str) -> None:
    """However the secret is misspelt into the file, the message does not repeat it."""
    assert "hunter2" not in mistake(written, text)


def test_a_secret_in_a_bad_variable_is_masked(written: Path) -> None:
    """The error names the variable and hides what it holds."""
    message = mistake(written, "", {"FOREWARN_ENGINE_API_KEY": "hunter2\n"})
    assert message.startswith("FOREWARN_ENGINE_API_KEY: expected a string")
    assert "hunter2" not in message


def test_the_key_is_read_from_its_file_and_masked_in_the_dump(written: Path, tmp_path: Path) -> None:
    """A key file gives the key without its line end, and the dump shows neither."""
    secret = tmp_path / "key"
    secret.write_text("hunter2\n", encoding="utf-8")
    config = loaded(written, f"engine: {{api_key_file: {secret}}}\n")
    assert config.text("engine.api_key") == "hunter2"
    assert "hunter2" not in config.dump()
    assert "<secret>" in config.dump()


def test_a_key_given_directly_wins_over_the_file(written: Path) -> None:
    """With both set, the file is not even read."""
    environ = {"FOREWARN_ENGINE_API_KEY": "direct"}
    config = loaded(written, "engine: {api_key_file: /nonexistent/key}\n", environ)
    assert config.text("engine.api_key") == "direct"


def test_a_key_file_that_cannot_be_read_is_one_line(written: Path) -> None:
    """The line names the setting, the file and the reason."""
    message = mistake(written, "engine: {api_key_file: /nonexistent/key}\n")
    assert message == (
        "engine.api_key_file: expected a readable text file, got /nonexistent/key: No such file or directory"
    )


def test_the_price_of_a_replica_follows_from_its_gpus(written: Path) -> None:
    """GPUs × price is the default of the replica's price, and a given price wins."""
    text = "replica: {gpus: 4, usd_per_gpu_hour: 2.5}\n"
    assert loaded(written, text).optional("replica.usd_per_hour") == 10.0
    assert loaded(written, text, {"FOREWARN_REPLICA_USD_PER_HOUR": "9"}).optional("replica.usd_per_hour") == 9.0
    assert loaded(written, "replica: {gpus: 4}\n").optional("replica.usd_per_hour") is None


def test_a_setting_that_is_no_number_cannot_be_read_as_one() -> None:
    """Asking for the wrong kind is a defect and raises."""
    with pytest.raises(TypeError, match="track is not a number"):
        load(None, {}, {}).number("track")
