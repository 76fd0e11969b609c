"""One cell of a notebook here, run in a kernel on an instance: what it reads goes, what is asked for comes back."""
