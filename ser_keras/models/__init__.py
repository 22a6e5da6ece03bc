"""Trained networks that ship with the package, each in a folder with its source and licence."""
