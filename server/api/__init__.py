"""JSON for the pages and for other systems."""
