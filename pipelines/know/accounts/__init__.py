"""Accounts: groups of people, who belongs to them, and what is known of a group by the traits of customers."""
