"""Kaspi, biller's side: parameters in a query string, JSON out."""
