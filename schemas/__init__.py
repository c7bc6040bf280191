"""What a record is: tables as data, the discovery walk, the shared vocabulary."""
