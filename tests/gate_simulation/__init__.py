"""How often the gate is wrong: a simulation with known truth."""
