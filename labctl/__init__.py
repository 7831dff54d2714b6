"""labctl: the mail lab of the Linux server textbook's chapter 6, as one command."""

__version__ = "0.2.0"
