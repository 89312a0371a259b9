"""The service on Ray Serve. Skipped where Ray is not installed."""
