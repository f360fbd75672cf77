"""Samplers: what becomes of a signal over time. Pure, fed with values and times, one concern a module."""
