"""`python -m ser_keras.ledger`."""

from ser_keras.cli import ledger

ledger.main()
