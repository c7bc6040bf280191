"""Validate: rules become columnar masks that split a batch."""
