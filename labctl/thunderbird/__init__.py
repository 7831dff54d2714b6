"""Thunderbird, the chapter's last part: an account's settings, and a prepared profile."""
