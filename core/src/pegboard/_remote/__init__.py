"""Functions that run in other processes: what travels there, what comes back, and who carries it."""
