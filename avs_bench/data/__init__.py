"""Datasets, batches and the audio front ends."""
