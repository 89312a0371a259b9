"""HTTP: routes, schemas, errors, limits. Knows tasks and the engine; nothing of networks."""
