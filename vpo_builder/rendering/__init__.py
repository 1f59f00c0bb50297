"""Rendering: records -> files of the published layout, each written completely or not at all."""
