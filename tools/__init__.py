"""Programs for those who work on Pegboard; none of them is part of a distribution."""
