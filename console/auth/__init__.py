"""Who may see the console: the login, its sessions, and the gate in front of every page."""
