"""Processes: starting TensorFlow, the worker, isolated children, captured output."""
