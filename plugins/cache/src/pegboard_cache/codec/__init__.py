"""How a value becomes bytes, and comes back exactly as it was."""
