"""Whole experiments: a recipe is a typed function, found by the name of its file."""
