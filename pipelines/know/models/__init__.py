"""Statistical models of purchase, spend and response: pure functions on numpy arrays, one model a file."""
