"""Know: traits of every customer."""
