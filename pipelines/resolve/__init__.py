"""Resolve: which identifiers are one customer."""
