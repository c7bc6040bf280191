"""The HTTP collector: requests become lines of segments, which are on the disk before they are answered."""
