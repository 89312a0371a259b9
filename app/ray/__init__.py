"""The service on Ray Serve. Knows Ray; no route and no model. Nothing else imports it."""
