"""РНКБ (Crimea): QueryType=check, pay and, for reconciliation, balance."""
