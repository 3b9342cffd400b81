"""What the responses cost: tokens counted once, priced at the list price of their day."""
