"""What leaves the building: the archive, its evidence, its signature, and how to check them.

Nothing here imports TensorFlow, and only `clean` and `rebuild` need the project's folder.
"""
