"""Work items, their states, and queues that run none."""
