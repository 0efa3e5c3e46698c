"""Where a variant runs: what a target supports, measures, compiles and adds to the package.

One module a kind, behind `litemill.targets.kind.TargetKind`; `litemill.targets.kinds` is the table.
"""
