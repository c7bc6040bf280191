"""Decide: the next best benefit, or nothing."""
