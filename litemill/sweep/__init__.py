"""Many conversions: grids, searches, engines, the store and the table of results."""
