"""A company on one machine: Postgres, Redis, an S3 server, a daemon and workers, on loopback."""
