"""Paynet's JSON-RPC service: the six methods of the SOAP one, with HTTP Basic."""
