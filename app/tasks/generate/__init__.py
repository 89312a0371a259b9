"""The generate task: a beginning in, a text that goes on from it out."""
