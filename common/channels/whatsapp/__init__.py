"""WhatsApp as Meta's Cloud API speaks it: webhook bodies in, message payloads out. Pure."""
