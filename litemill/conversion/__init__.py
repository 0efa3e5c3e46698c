"""From a source model to a .tflite file, read back; and the SavedModel that the routes start from."""
