"""Samples: loaders, labels, splits, and the files that prepare writes."""
