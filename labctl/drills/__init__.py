"""Drills: labctl breaks a correct lab in one known way, and a user finds and repairs it.

The same list of breakages also tests the checks.
"""
