"""Leaves alone what is down, and asks now and then whether it is back."""
