"""A dataset on disk: its schema, its manifest, the published trees; all that avs_bench may read."""
