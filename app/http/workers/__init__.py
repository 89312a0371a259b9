"""Several processes behind one port. Knows processes and what they ask each other; no request."""
