"""Locust profiles; locust patches ssl when it is imported, so never in a process of the server."""
