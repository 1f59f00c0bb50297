"""Runs a model over a dataset and counts."""
