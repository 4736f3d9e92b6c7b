"""Payme (Paycom, Uzbekistan) Merchant API: JSON-RPC, payments in two phases."""
