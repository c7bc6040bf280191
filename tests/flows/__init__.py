"""The command line and the flows, as their users meet them."""
