"""From bytes on a connection to bytes on a connection."""
