"""kvitok: debts and payments for housing services, between agents, billing and accountants."""

__version__ = "0.1.0"
