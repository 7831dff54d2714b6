"""The explanations of what fails, a module for each kind of behaviour."""
