-- Beside that of Dagster's records: what was decided and paid for. This one is to be backed up.
CREATE DATABASE state;
