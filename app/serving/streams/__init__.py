"""Recurrent states that go on between requests: what is kept, where, and in which order."""
