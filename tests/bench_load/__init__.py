"""How many scrapes the sidecar stands while it polls, by wrk at a fixed rate."""
