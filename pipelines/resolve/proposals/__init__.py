"""Proposals: which customers may be one person, as a model fitted by Splink scores what is stated about them."""
