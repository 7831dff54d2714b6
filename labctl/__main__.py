"""`python -m labctl` is the same program as `labctl`."""

from labctl.cli import main

if __name__ == "__main__":
    main()
