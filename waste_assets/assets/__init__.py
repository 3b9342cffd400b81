"""The assets, thin: each calls the folder that knows how."""
