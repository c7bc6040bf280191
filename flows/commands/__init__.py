"""The commands of `rapport`, a file for each group."""
