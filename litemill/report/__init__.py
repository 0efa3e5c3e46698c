"""The report: tables, charts and pages from measurements; the gate's verdict."""
