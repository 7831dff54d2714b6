"""The files of a host before the book begins: the recipe, its layers, and how they are built.

A provider whose hosts are Linux containers takes its image from here. The package does not know
any provider.
"""
