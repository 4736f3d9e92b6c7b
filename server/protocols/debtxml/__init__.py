"""PrivatBank's "Debt" XML: several supplier services, and readings, in one payment."""
