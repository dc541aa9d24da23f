"""Meta's Graph API: the client, what its errors mean, and a simulator of it."""
