"""Drills: labctl breaks a good lab in one known way, and a person finds and mends it.

The ways are those the checks are tested with: one list serves both.
"""
