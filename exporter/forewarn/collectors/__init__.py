"""Collectors: one family of exported series each, reading the monitor and nothing else."""
