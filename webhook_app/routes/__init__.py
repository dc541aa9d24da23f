"""One module per group of routes; each has `register(app, services)`."""
