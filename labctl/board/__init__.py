"""The board's web process. It has no privileges; the root helper acts for it.

It needs the optional packages of `mail-labctl[class]`.
"""
