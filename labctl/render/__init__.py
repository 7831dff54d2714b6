"""The one renderer: results become text for people, or one versioned JSON document.

Results go to standard output, progress and errors to standard error. Each kind of result has a
module here; `screen` and `document` are what they are written with.
"""
