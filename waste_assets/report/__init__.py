"""What people read: the account in the terminal."""
