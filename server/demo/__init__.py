"""The demo town: a plausible year of bills and payments for any number of accounts.

town.py builds it, batch.py makes rows (in processes of their own), loading.py brings them in.
"""
