"""`python -m ser_keras.audit`."""

from ser_keras.cli import audit

audit.main()
