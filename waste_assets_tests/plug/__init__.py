"""Killed at any point, out of disk, raced and misled: what is built is what was to be built."""
