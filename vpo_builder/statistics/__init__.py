"""Counts of a finished dataset, as tables and charts."""
