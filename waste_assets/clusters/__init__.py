"""What goes wrong, counted over the whole corpus: fingerprints, families, estimates, remedies."""
