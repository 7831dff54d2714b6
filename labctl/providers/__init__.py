"""Providers make a lab's hosts reachable over SSH, each in its own way."""
