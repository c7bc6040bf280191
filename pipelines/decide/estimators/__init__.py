"""Artefacts of the decisions, one file each."""
