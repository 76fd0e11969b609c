"""AWS: the only room with boto3. Its dictionaries and exceptions end here; what leaves are values and our errors.

`Clouds` is AWS for one person; `Clouds.here(region)` is a `Cloud`, one region of it. Beside the root's `model`
and `errors` this room imports nothing of ours.
"""

from jupyter_awsgpu.cloud.cloud import NO_KEY_PAIR, Cloud
from jupyter_awsgpu.cloud.clouds import Clouds

__all__ = ["NO_KEY_PAIR", "Cloud", "Clouds"]
