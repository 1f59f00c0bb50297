"""The commands of `avs-bench`, a file each."""
