"""What one task does in one session: resolved once, then only run."""
