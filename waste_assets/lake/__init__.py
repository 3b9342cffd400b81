"""The lake: one Parquet file for each table and day, replaced whole or not at all."""
