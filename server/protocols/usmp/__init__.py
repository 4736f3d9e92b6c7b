"""USMP, City-Pay and their like: QueryType in a query string, XML out, the day's list on demand."""
