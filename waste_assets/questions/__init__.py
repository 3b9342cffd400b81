"""What people ask of the BI tables: a file of SQL a question, ready to copy."""
