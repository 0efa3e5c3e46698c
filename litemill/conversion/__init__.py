"""From a source model to a verified .tflite file, and the export that the routes start from."""
