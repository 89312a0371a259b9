"""Forecasters of one's own series that learn what is known beside them."""
