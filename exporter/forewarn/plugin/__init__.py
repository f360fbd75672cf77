"""The in-process plugin: counts inside vLLM what polling can only sample.

Loaded by vLLM itself. Nothing here may raise into the engine, wait, or do more than arithmetic on a step.
"""
