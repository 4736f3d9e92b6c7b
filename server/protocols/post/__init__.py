"""The post office protocol: our own published contract."""
