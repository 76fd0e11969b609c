"""The API side of the simulated AWS: moto, made as strict as AWS where a caller could be wrong.

`gate` is the door every request comes through; `operations` is the seam into moto; every other
module is one subject of AWS (instances, images, quotas …). moto's objects stay in this package.
"""
