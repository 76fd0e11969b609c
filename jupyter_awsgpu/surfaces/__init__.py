"""How a person asks, and how answers look: magic, terminal, Python, and their common grammar.

Nothing is decided here: a surface parses, calls one verb over `wiring`, and draws the value it gets
back. boto3 and paramiko never enter, ipywidgets only in `panel/`.
"""
