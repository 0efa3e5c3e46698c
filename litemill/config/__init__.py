"""The configuration: schemas, composition by Hydra, resolved parameters, the toolchain."""
