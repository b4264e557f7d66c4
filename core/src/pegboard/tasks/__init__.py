"""What `@task` makes, and the ways to call it."""
