"""Proof that the unit tests notice wrong code: known mutants, and mutants by mutmut."""
