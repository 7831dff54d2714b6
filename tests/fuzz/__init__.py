"""Random but realistic changes to a ready lab, graded by `labctl check` and judged by an oracle.

The oracle shares no code with `labctl`: it uses swaks, dig, imaplib and the hosts' own `mail`.
Each disagreement between the two is a bug. `make fuzz-check` runs it.
"""
