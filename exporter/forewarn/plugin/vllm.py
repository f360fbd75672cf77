"""The class that vLLM loads. The only module that imports vLLM, which is there when it is loaded (0.11.1 on)."""

from __future__ import annotations

from vllm.v1.metrics.loggers import AggregateStatLoggerBase  # type: ignore[import-not-found]  # the engine's environment

from forewarn.plugin.recorder import Recorder


class StatLogger(Recorder, AggregateStatLoggerBase):  # type: ignore[misc]  # the base is not known here
    """One logger for all ranks of a front end; all it does is in Recorder."""


# A release that asks for one more method must not keep the engine from starting.
StatLogger.__abstractmethods__ = frozenset()
