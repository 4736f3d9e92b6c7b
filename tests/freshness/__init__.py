"""What is shown after a payment was answered: asked of every worker, at once, many times."""
