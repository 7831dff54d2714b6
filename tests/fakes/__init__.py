"""Stand-ins for hosts and a provider. The tests in tests/contract keep them honest."""
