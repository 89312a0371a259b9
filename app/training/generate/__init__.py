"""Language models that write on, character by character or in pieces of words."""
