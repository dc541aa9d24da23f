"""A sample shop to try the desk out with."""
