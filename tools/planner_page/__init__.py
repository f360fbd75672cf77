"""Builds the planner page: one HTML file that needs nothing beside it."""
