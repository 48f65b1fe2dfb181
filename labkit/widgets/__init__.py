"""Questions, the dashboard, the explorer: widgets, each with a twin in plain text."""
