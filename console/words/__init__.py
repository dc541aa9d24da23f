"""The words of the console, a table per language; each has the same keys and the same names in braces."""
