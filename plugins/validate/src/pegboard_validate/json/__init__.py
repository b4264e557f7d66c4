"""JSON in texts, and schemas of JSON values."""
