"""`forewarn plan`: how many replicas, why, what they cost, and how early to scale.

Pure arithmetic; questions to a Prometheus stand in `live` alone.
The planner page (`/plan`) repeats `demand`, `redundancy`, `fleet` and `bill` in JavaScript; a browser test holds the
two equal.
"""
