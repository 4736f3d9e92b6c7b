"""PostgreSQL adapters, one module per aggregate; the SQL stands beside the function that runs it."""
