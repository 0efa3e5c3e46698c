"""Data sets without code: name one of these as `load._target_` in conf/data/.

    stages.loaders.npz           arrays that numpy.savez wrote
    stages.loaders.csv           a table with numbers, and labels or numbers to predict
    stages.loaders.image_folder  a folder of images by class

Each takes `path`, relative to the project's folder; prepare adds `task` and `scratch`, a folder
that is gone afterwards. A loader of your own is any function that returns a
`stages.dataset.Dataset`; it gets `task` and `scratch` when it has parameters of these names.
"""

from __future__ import annotations

from stages.archive import npz
from stages.images import image_folder
from stages.table import csv

__all__ = ["csv", "image_folder", "npz"]
