"""Looks for anything that crosses the subsets of a dataset."""
