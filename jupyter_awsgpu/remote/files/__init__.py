"""Files of a person, here and on an instance: what differs travels, in one conversation over one connection."""
