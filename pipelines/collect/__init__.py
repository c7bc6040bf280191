"""Collect: land what arrives, parse it with one columnar query per file."""
