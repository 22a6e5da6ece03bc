"""`python -m ser_keras.splits`."""

from ser_keras.cli import splits

splits.main()
