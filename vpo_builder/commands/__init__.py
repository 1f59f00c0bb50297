"""The commands `vpo-build` and `vpo-data`."""
