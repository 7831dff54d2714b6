"""labctl: the mail lab of chapter 6 of the Linux server textbook."""

__version__ = "0.2.0"
