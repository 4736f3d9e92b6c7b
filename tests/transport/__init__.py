"""The protocols' door, with the fast lane and without."""
