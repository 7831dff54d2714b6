"""The textbook's mail test: two users write to each other, and the logs show the path."""
