"""The admin API: one file for each resource below `/api/v1`."""
