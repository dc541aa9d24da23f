"""One package per messaging channel: how its webhooks read, and how what we send is written. No I/O."""
