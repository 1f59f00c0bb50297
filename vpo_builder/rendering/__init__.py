"""Rendering: records -> files of the published layout, each written whole or not at all."""
