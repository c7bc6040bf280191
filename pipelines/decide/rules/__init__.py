"""Gates, one file each."""
