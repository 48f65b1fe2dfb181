"""What ``python3 -m labkit`` lists, a module each: its options, and what it does."""
