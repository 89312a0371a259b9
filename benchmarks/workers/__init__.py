"""`--workers` beside what libraries bring for the same. Knows processes; no part of either."""
