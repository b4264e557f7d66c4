"""Where entries are kept: memory, folders, Redis servers, buckets."""
