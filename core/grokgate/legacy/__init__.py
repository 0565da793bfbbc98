"""Pure readers of the predecessors' configuration, token and state files (F-MIG)."""
