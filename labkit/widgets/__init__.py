"""Widgets in a lesson: questions, the dashboard, the explorer.

Each is made in the main thread, keeps a twin in plain text, and works without a
front end. ``views`` holds what they share.
"""
