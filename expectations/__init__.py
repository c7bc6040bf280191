"""What must hold: rules as light data."""
