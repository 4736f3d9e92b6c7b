"""The other side: networks that pay, repeat and cancel as theirs do, and tell what they believe."""
