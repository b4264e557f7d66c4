"""The manager: takes items in, lets others steer them and wait for them."""
