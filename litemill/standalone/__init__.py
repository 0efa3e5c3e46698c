"""Converting one file without a project: `litemill convert`."""
