"""Builds a twin of a fabric on one machine: real nodes, real switches, real frames."""
