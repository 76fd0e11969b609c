"""Pictures of values: one neutral `Sheet` for each kind, drawn as HTML or as text.

Pure functions on `model` values. Whatever came from outside is escaped in `html` and cleared of
control characters in `text`; nothing else draws.
"""
