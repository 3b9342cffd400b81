"""The BI database: built whole from the lake, put in place at once."""
