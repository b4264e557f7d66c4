"""What stays with the caller: calls and maps whose functions run elsewhere."""
