"""Requests made by mutation, guided by the lines that they reach; `make fuzz`."""
