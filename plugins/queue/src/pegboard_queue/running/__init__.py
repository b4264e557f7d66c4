"""The way of an item from submission to its end: found, told of, freed by others, chosen, run."""
