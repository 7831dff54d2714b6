"""The report: one HTML page of a lab, its last mail test and its checks; and their words."""
