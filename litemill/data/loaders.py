"""Data sets without code: name one of these as `load._target_` in conf/data/.

    litemill.data.loaders.npz           arrays that numpy.savez wrote
    litemill.data.loaders.csv           a table with numbers, and labels or numbers to predict
    litemill.data.loaders.image_folder  a folder of images by class

Each takes `path`, relative to the project's folder; prepare adds `task` and `scratch`, a folder
that is gone afterwards. A loader of your own is any function that returns a
`litemill.data.dataset.Dataset`; it gets `task` and `scratch` when it has parameters of these names.
"""

from __future__ import annotations

from litemill.data.csv_loader import load_csv as csv
from litemill.data.image_folder import image_folder
from litemill.data.npz_loader import load_npz as npz

__all__ = ["csv", "image_folder", "npz"]
