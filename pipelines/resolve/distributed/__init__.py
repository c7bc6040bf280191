"""The same rules on a cluster: components by fixed rounds, each component decided by the function of one machine."""
