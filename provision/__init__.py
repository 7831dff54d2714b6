"""The chapter's sections as steps: one file a section, each `apply` and `check`."""
