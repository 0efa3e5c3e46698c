"""Your own checks: public functions of the modules here; docs/extending/check.md."""
