"""What a person may ask for: everything that is known, inferred and decided about them."""
