"""Source models, one module a kind: Keras, Keras 2, SavedModel, function."""
