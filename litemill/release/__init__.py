"""The package and the release: archive, BOM, provenance, signature, verification, comparison."""
