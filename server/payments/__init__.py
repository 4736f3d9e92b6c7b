"""The core: what a check, a payment, a cancellation and a reading mean, without bytes or SQL."""
