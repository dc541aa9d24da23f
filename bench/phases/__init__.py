"""One module per phase: `measure(size)` runs a round and gives figures by name, grouped as in the results.

Where the peer harness measures the same, groups and names are its own: `*_cpu_1k` is seconds of CPU per 1,000, which
is milliseconds each.
"""
