"""Props of one lesson each: its mail server, its machines."""
