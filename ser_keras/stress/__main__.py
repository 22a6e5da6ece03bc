"""`python -m ser_keras.stress`."""

from ser_keras.cli import stress

stress.main()
