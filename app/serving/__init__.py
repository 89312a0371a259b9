"""The engine: verifies, loads and runs networks. Knows arrays; never text, series or images."""
