"""labctl on a Windows Python under Wine: `make test-windows`."""
