"""Reading .tflite files: structure, constants, the interpreter. Nothing here is converted or judged."""
