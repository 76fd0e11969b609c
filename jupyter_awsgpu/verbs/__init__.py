"""One verb a file: the only room that decides. Verbs take a `Workbench` and return `model` values.

No boto3, no paramiko, no rendering: the rooms below do, the surfaces above show.
"""
