"""How long a real Prometheus takes to evaluate the rules pack over 100, 300 and 1,000 replicas."""
