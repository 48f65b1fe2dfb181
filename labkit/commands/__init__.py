"""The seeds' programs as commands, and what they share."""
