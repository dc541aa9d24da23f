"""HTTP/1.1 calls out of a worker: kept-alive connections, one deadline a call, and exact about what had left."""
