"""The renderer: results become text or one versioned JSON document.

Results go to stdout, progress and errors to stderr. Each kind of result has one module, which uses
`screen` for text and `document` for JSON.
"""
