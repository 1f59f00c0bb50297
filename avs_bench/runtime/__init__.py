"""What a run works on: its device, its processes, the optional packages."""
