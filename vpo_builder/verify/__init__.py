"""Holds a finished dataset against its manifest and checksums, or against another."""
