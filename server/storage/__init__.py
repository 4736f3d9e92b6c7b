"""PostgreSQL adapters, one module per aggregate; SQL stands beside the function that runs it."""
