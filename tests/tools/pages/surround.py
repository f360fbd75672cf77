"""What stands around vLLM's own families: the Python process, the HTTP instrumentation, aioprometheus."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .model import Child, Family, Summary, observe
from .spec import START

if TYPE_CHECKING:
    from collections.abc import Sequence

    from .spec import PageSpec

_HANDLER = "/v1/chat/completions"
_FINE = (
    *(0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1.0, 1.5, 2.0, 2.5),
    *(3.0, 3.5, 4.0, 4.5, 5.0, 7.5, 10.0, 30.0, 60.0),
)
_COARSE = (0.1, 0.5, 1.0)


def _single(name: str, kind: str, text: str, value: float) -> Family:
    return Family(name, kind, text, (Child({}, value),), created=False)


def _by_generation(name: str, text: str, values: Sequence[float]) -> Family:
    children = tuple(Child({"generation": str(index)}, value) for index, value in enumerate(values))
    return Family(name, "counter", text, children, created=False)


def process_families() -> list[Family]:
    """`python_*` and `process_*` as prometheus_client's default collectors show them."""
    version = {
        "implementation": "CPython",
        "major": "3",
        "minor": "12",
        "patchlevel": "3",
        "version": "3.12.3",
    }
    return [
        _by_generation("python_gc_objects_collected_total", "Objects collected during gc", (15811.0, 2210.0, 703.0)),
        _by_generation("python_gc_objects_uncollectable_total", "Uncollectable objects found during GC", (0.0,) * 3),
        _by_generation(
            "python_gc_collections_total",
            "Number of times this generation was collected",
            (1604.0, 145.0, 12.0),
        ),
        Family("python_info", "gauge", "Python platform information", (Child(version, 1.0),), created=False),
        _single("process_virtual_memory_bytes", "gauge", "Virtual memory size in bytes.", 2.213187584e9),
        _single("process_resident_memory_bytes", "gauge", "Resident memory size in bytes.", 6.48626176e8),
        _single(
            "process_start_time_seconds",
            "gauge",
            "Start time of the process since unix epoch in seconds.",
            START,
        ),
        _single("process_cpu_seconds_total", "counter", "Total user and system CPU time spent in seconds.", 91.25),
        _single("process_open_fds", "gauge", "Number of open file descriptors.", 41.0),
        _single("process_max_fds", "gauge", "Maximum number of open file descriptors.", 65535.0),
    ]


def _durations(spec: PageSpec) -> list[float]:
    """Request durations as the middleware sees them: one tick over the engine's own."""
    loads = [spec.load(rank) for rank in spec.ranks]
    return [r.ttft + r.decode + 1 / 1024 for load in loads for r in load.finished if r.n]


def http_families(spec: PageSpec) -> list[Family]:
    """Build `http_*` of the FastAPI instrumentation, without children where nothing was served."""
    durations = _durations(spec)
    size = len(durations)
    handler = {"handler": _HANDLER}
    posted = {**handler, "method": "POST"}

    def family(name: str, kind: str, text: str, *children: Child) -> Family:
        return Family(name, kind, text, children if size else ())

    return [
        family(
            "http_requests_total",
            "counter",
            "Total number of requests by method, status and handler.",
            Child({**posted, "status": "2xx"}, float(size)),
            Child({**posted, "status": "4xx"}, 3.0),
        ),
        family(
            "http_request_size_bytes",
            "summary",
            "Content length of incoming requests by handler.",
            Child(handler, Summary(size + 3, 1873.0 * size)),
        ),
        family(
            "http_response_size_bytes",
            "summary",
            "Content length of outgoing responses by handler.",
            Child(handler, Summary(size + 3, 911.0 * size)),
        ),
        Family(
            "http_request_duration_highr_seconds",
            "histogram",
            "Latency with many buckets but no API specific labels.",
            (Child({}, observe(durations, _FINE)),),
        ),
        family(
            "http_request_duration_seconds",
            "histogram",
            "Latency with only few buckets by handler.",
            Child(posted, observe(durations, _COARSE)),
        ),
    ]


def aioprometheus_families() -> list[Family]:
    """Counters of the exporter of the releases before 0.3.3."""
    request = {"method": "GET", "path": "/metrics"}
    texts = (
        ("requests_total_counter", "Total number of requests received", request, 12.0),
        ("responses_total_counter", "Total number of responses sent", request, 11.0),
        (
            "status_codes_counter",
            "Total number of response status codes",
            {**request, "status_code": "200"},
            11.0,
        ),
    )
    families = [Family(name, "counter", text, (Child(labels, value),)) for name, text, labels, value in texts]
    return [
        *families,
        Family(
            "exceptions_total_counter",
            "counter",
            "Total number of requested which generated an exception",
            (),
        ),
    ]


def ray_families(spec: PageSpec) -> list[Family]:
    """Give one family of those that Ray's agent shows beside vLLM on the same page."""
    labels = {**spec.ranks[0].ray, "Component": "raylet"}
    children = (Child(labels, 4.0),)
    return [Family("ray_node_cpu_count", "gauge", "Total CPUs available on a ray node", children)]
