"""The textbook's mail test: two people write to each other, and the logs show the way."""
