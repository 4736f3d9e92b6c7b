"""Paynet's ProviderWebService over SOAP; see README.md."""
