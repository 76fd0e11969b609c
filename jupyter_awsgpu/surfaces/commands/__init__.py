"""The commands of the grammar, some verbs a module, each loaded when one of its verbs is called.

A command turns parsed options into one call of a verb and returns the verb's value. It decides nothing.
"""
