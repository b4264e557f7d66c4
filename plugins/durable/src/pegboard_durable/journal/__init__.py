"""The tables of durable runs, and all that is read from and written to them."""
