"""The incident lab: simulated engines and the scenarios they play. It imports nothing from the exporter."""
