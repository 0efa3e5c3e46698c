"""Reading .tflite files: structure, constants, the interpreter; nothing is converted or judged."""
