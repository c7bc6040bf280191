"""What people ask and decide about identity: who is one customer, why, and what to do where that is wrong."""
