"""Which calls are equal: the key of a call, made of what its task is and what it was given."""
