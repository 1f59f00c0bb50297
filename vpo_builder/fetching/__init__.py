"""Fetches what a build needs and is not there: with --download only."""

PREFIX = "fetch."
"""How the settings of fetching begin in `--set`; the flags and the settings both need it."""
