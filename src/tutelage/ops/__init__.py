"""Pure functions on tensors: nothing here knows of teachers, files or loops."""
