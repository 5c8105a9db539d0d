"""Training, evaluation, and the main job."""
