"""Fetches what a build needs and is not there: with --download only."""
