"""What an evaluation stores: counts, probes, examples; written and read back."""
