"""The page of metrics and who may read it, whatever serves it."""
