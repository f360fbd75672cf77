"""The simulated engine, the sidecar and a real Prometheus, run together as a user runs them."""
