"""Values that come one by one: how unusual each is, and what comes next."""
