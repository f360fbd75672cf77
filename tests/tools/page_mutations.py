"""Pages to change and ways to change them, and what prometheus_client makes of the result: an oracle for parsers."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from hypothesis import strategies as st
from prometheus_client.openmetrics.parser import text_string_to_metric_families as parse_openmetrics
from prometheus_client.parser import text_string_to_metric_families as parse_text

from forewarn.errors import PageError
from forewarn.layout import OPENMETRICS

if TYPE_CHECKING:
    from collections.abc import Callable

    from forewarn.layout import Page, PageParser

Rows = list[tuple[str, tuple[tuple[str, str], ...], str, str]]
"""Name, labels, type and value of each sample; values as text, under which NaN equals itself."""
TEXT = "text/plain; version=0.0.4; charset=utf-8"
OPEN = OPENMETRICS + "; version=1.0.0; charset=utf-8"

SMALL = b"""\
# HELP vllm:num_requests_running Running requests.
# TYPE vllm:num_requests_running gauge
vllm:num_requests_running{engine="0",model_name="a \\"b\\" c\\\\d\\ne} 1"} 3.0
vllm:num_requests_running{engine="1",model_name="m"} 4.0
# TYPE vllm:prompt_tokens_total counter
vllm:prompt_tokens_total{engine="0"} 1.5e+06
# TYPE bare counter
bare 7
# TYPE h histogram
h_bucket{le="1.0"} 2.0
h_bucket{le="+Inf"} 3.0
h_sum 4.25
h_count 3.0
stray 1
"""
SMALL_OPEN = b"""\
# HELP vllm_running Running requests.
# TYPE vllm_running gauge
vllm_running{engine="0",model_name="a \\"b\\" c"} 3
# TYPE vllm_tokens counter
vllm_tokens_total{engine="0"} 12
# TYPE h histogram
h_bucket{le="1.0"} 2 # {trace_id="x y"} 0.5
h_bucket{le="+Inf"} 3
h_sum 4.25
h_count 3
# EOF
"""


def shown(value: float) -> str:
    """A value as text, under which NaN equals itself."""
    return "nan" if math.isnan(value) else repr(value)


def _float(value: float) -> float:
    try:
        return float(value)
    except OverflowError:
        return math.inf if value > 0 else -math.inf


def oracle(body: bytes, content_type: str) -> Rows | None:
    """What the library reads; None where it refuses."""
    parse = parse_openmetrics if content_type.startswith(OPENMETRICS) else parse_text
    try:
        families = list(parse(body.decode("utf-8")))
    except Exception:  # noqa: BLE001  whatever the library raises is a refusal
        return None
    return [
        (sample.name, tuple(sample.labels.items()), family.type, shown(_float(sample.value)))
        for family in families
        for sample in family.samples
        if sample.value is not None
    ]


def rows(page: Page) -> Rows:
    """What our parser reads, in the oracle's form."""
    pairs = zip(page.layout.series, page.values, strict=True)
    return [(series.name, series.labels, series.type, shown(value)) for series, value in pairs]


def read(parser: PageParser, body: bytes, content_type: str) -> Rows | None:
    """What the parser reads; None where it refuses."""
    try:
        return rows(parser.parse(body, content_type))
    except PageError:
        return None


TOKENS = ["NaN", "+Inf", "-Inf", "-1", "0", "1_000", "0x10", "1e400", "9" * 400, "", " ", "1 1700000000", "1\r",
          " 2", "2 ", "\t2", "2\x0b", "2\x1c", "1e5", "٣", "nan", "infinity", "0.5", '1 # {a="b"} 2', "x", "1,5",
          "1 " + "9" * 400, "2}", '"', "\x00", "9007199254740993"]  # fmt: skip
LINES = [
    b"", b"\r", b"#", b"# EOF", b"# comment", b"# TYPE", b"# TYPE x", b"# TYPE h gauge", b"# UNIT h seconds",
    b"# TYPE vllm:prompt_tokens_total gauge", b"# HELP bare now with help", b"new_total 5", b"  indented 3", b"tab\t3",
    b'h_bucket{le="0.5"} 1', b'h_bucket{le="x"} 1',
    b'quoted{a="\\\\\\"\\n"} 3', b'{"utf8.name",a="b"} 3', b'brace{a="} 1"} 3',
    b'dup{a="1",a="2"} 3', b'open{a="1 3', b'no_space{a="1"}3', b"\xff 1", b"a b c d",
    b'nh{a="b"} {count:1,sum:1.0,schema:0,zero_threshold:0.0,zero_count:1}',
]  # fmt: skip


def _value(lines: list[bytes], i: int, token: bytes) -> list[bytes]:
    head, space, _ = lines[i].rpartition(b" ")
    return [*lines[:i], head + space + token, *lines[i + 1 :]]


MUTATIONS: dict[str, Callable[[list[bytes], int, int, bytes, bytes], list[bytes]]] = {
    "value": lambda lines, i, _j, token, _new: _value(lines, i, token),
    "append": lambda lines, i, _j, token, _new: [*lines[:i], lines[i] + token, *lines[i + 1 :]],
    "swap": lambda lines, i, j, _token, _new: [lines[{i: j, j: i}.get(n, n)] for n in range(len(lines))],
    "duplicate": lambda lines, i, _j, _token, _new: [*lines[:i], lines[i], *lines[i:]],
    "delete": lambda lines, i, _j, _token, _new: [*lines[:i], *lines[i + 1 :]],
    "insert": lambda lines, i, _j, _token, new: [*lines[:i], new, *lines[i:]],
    "replace": lambda lines, i, _j, _token, new: [*lines[:i], new, *lines[i + 1 :]],
    "crlf": lambda lines, _i, _j, _token, _new: [line + b"\r" for line in lines],
    "truncate": lambda lines, i, j, _token, _new: [*lines[:i], lines[i][: j % (len(lines[i]) + 1)]],
    "label": lambda lines, i, _j, token, _new: [*lines[:i], lines[i].replace(b'="', b'="' + token, 1), *lines[i + 1 :]],
}


@st.composite
def mutated(draw: st.DrawFn, body: bytes) -> bytes:
    """The page with one to three things changed."""
    for _ in range(draw(st.integers(1, 3))):
        lines = body.split(b"\n")
        i, j = draw(st.integers(0, len(lines) - 1)), draw(st.integers(0, len(lines) - 1))
        token, new = draw(st.sampled_from(TOKENS)).encode(), draw(st.sampled_from(LINES))
        body = b"\n".join(MUTATIONS[draw(st.sampled_from(sorted(MUTATIONS)))](lines, i, j, token, new))
    return body
