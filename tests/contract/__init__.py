"""The same tests for a fake and for what it stands for. tests/unit and tests/lab run them."""
