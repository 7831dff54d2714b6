"""`labctl doctor`: has this machine what a lab needs, and if not, what mends it?

Everything is asked through a Machine, so that the tests can play other machines; nothing here
needs Linux to be imported.
"""
