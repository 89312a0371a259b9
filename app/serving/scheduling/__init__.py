"""What waits, who shares a batch, when it runs, who is refused. Knows lengths and costs."""
