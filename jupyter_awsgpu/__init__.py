"""A GPU on AWS from inside your notebook."""
