"""The board's web process. It has no rights: what it may do, the root helper does for it.

It needs the optional packages of `mail-labctl[class]`.
"""
