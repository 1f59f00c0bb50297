"""The version of both packages: setup.cfg reads it here, and so do the commands and the records."""

VERSION = "0.1.0"
