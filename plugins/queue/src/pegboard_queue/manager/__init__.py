"""The manager: takes items in, decides when they run, runs them, and has others wait for them."""
