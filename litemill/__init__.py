"""The command `litemill`: what people do by hand. The pipeline itself is run by `dvc repro`."""
