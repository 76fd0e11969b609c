"""One boto3 session a process, and the clients made from it. No AWS call is made here.

Building a session and its first client costs 150 ms, a further client 5 to 15 ms (measured on botocore
1.44): so both are made once, when first used, and boto3 itself is imported then.
"""

from __future__ import annotations

import math
import os
import threading
import time
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from jupyter_awsgpu._version import __version__
from jupyter_awsgpu.cloud.refusals import refusals
from jupyter_awsgpu.cloud.steering import Steered, make_steerable
from jupyter_awsgpu.errors import NoCredentials

if TYPE_CHECKING:
    import boto3

ATTEMPTS = 4
"""Attempts of an ordinary call: three throttles in a row are survived, in 7 s at most (standard mode)."""

LOOK_AGAIN_S = 5.0
"""Seconds for which "no credentials" is believed: looking for them asks the network on some machines."""

CONNECT_S = 5
READ_S = 30

STEERED = ("ec2",)
"""Services asked in many regions at once, with one client for all."""

GLOBAL_REGIONS = {"aws": "us-east-1", "aws-cn": "cn-northwest-1", "aws-us-gov": "us-gov-west-1"}
"""Where a partition answers for all its regions: accounts, prices and bills."""


DOMAINS = {"aws-cn": "amazonaws.com.cn", "aws-eusc": "amazonaws.eu"}
"""Where a partition's endpoints are, if not under amazonaws.com (botocore's endpoint data, `dnsSuffix`)."""


class Session:
    """The way to AWS for one profile, or for one endpoint with credentials of its own.

    With `endpoint`, every service is asked there, and nothing of the user's AWS configuration (profile,
    proxy, configuration file) is read.
    """

    def __init__(
        self,
        *,
        profile: str | None = None,
        region: str | None = None,
        endpoint: str | None = None,
        credentials: tuple[str, str] | None = None,
    ) -> None:
        self.profile = profile
        self.endpoint = endpoint
        self._region = region
        self._credentials = credentials
        self._lock = threading.RLock()
        self._boto: boto3.Session | None = None
        self._found = False
        self._looked = -math.inf
        self._questions: dict[str, threading.Lock] = {}
        self._clients: dict[tuple[str, str, bool], Any] = {}

    @property
    def boto(self) -> boto3.Session:
        """The boto3 session, made when first asked for. Raises `ProfileMissing`."""
        with self._lock:
            if self._boto is None:
                with refusals(profile=self.profile):
                    self._boto = self._made()
            return self._boto

    def _made(self) -> boto3.Session:
        import boto3
        from botocore.session import Session as BotocoreSession

        core = BotocoreSession()
        if self.endpoint is None:
            return boto3.Session(botocore_session=core, profile_name=self.profile, region_name=self._region)
        core.session_var_map["profile"] = (None, [], None, None)
        core.set_config_variable("config_file", os.devnull)
        core.set_config_variable("credentials_file", os.devnull)
        key_id, secret = self._credentials or ("", "")
        return boto3.Session(
            botocore_session=core,
            aws_access_key_id=key_id,
            aws_secret_access_key=secret,
            region_name=self._region,
        )

    @property
    def region(self) -> str | None:
        """The region that the caller, the environment or the profile names."""
        if self._region:
            return self._region
        with refusals(profile=self.profile):
            return self.boto.region_name

    @property
    def profile_name(self) -> str:
        """The profile in effect, by option or environment."""
        with refusals(profile=self.profile):
            return str(self.boto.profile_name)

    @property
    def has_credentials(self) -> bool:
        """Whether boto3 finds credentials at all; says nothing of their being accepted."""
        if self._credentials is not None:
            return True
        with self._lock:
            if time.monotonic() - self._looked > LOOK_AGAIN_S:
                with refusals(profile=self.profile):
                    self._found = self.boto.get_credentials() is not None
                self._looked = time.monotonic() if not self._found else math.inf
            return self._found

    def client(self, service: str, region: str, *, single_attempt: bool = False) -> Any:
        """Return the client of a service in a region; `single_attempt` never repeats a call by itself.

        Raises `NoCredentials` at once where there are none: each call would look for them anew.
        """
        if not self.has_credentials:
            raise NoCredentials
        everywhere = service in STEERED
        key = (service, "" if everywhere else region, single_attempt)
        with self._lock:
            if key not in self._clients:
                made = self._client(service, region, single_attempt=single_attempt)
                self._clients[key] = make_steerable(made) if everywhere else made
            return Steered(self._clients[key], region) if everywhere else self._clients[key]

    def _client(self, service: str, region: str, *, single_attempt: bool) -> Any:
        make: Any = self.boto.client  # boto3's stubs know each service by a literal of its own
        with refusals(profile=self.profile, region=region):
            return make(service, region_name=region, endpoint_url=self.endpoint, config=self._config(single_attempt))

    def address_of(self, service: str, region: str) -> tuple[str, int]:
        """Return host and port of a service's endpoint in a region, without asking anybody."""
        if self.endpoint is not None:
            split = urlsplit(self.endpoint)
            return split.hostname or "", split.port or (443 if split.scheme == "https" else 80)
        return f"{service}.{region}.{DOMAINS.get(self.partition(region), 'amazonaws.com')}", 443

    def _config(self, single_attempt: bool) -> Any:
        from botocore.config import Config

        return Config(
            retries={"mode": "standard", "total_max_attempts": 1 if single_attempt else ATTEMPTS},
            connect_timeout=CONNECT_S,
            read_timeout=READ_S,
            max_pool_connections=64,
            user_agent_extra=f"jupyter-awsgpu/{__version__}",
            proxies={} if _is_loopback(self.endpoint) else None,
        )

    def asking(self, question: str) -> threading.Lock:
        """Return the lock under which a question is asked, so that threads ask it once."""
        with self._lock:
            return self._questions.setdefault(question, threading.Lock())

    def partition(self, region: str) -> str:
        """Return the partition (`aws`, `aws-cn`, …) that a region is of."""
        return str(self.boto.get_partition_for_region(region))

    def global_region(self, region: str) -> str:
        """Return the region that answers for the whole partition of `region`."""
        return GLOBAL_REGIONS.get(self.partition(region), region)


def _is_loopback(endpoint: str | None) -> bool:
    host = urlsplit(endpoint or "").hostname or ""
    return host == "localhost" or host.startswith("127.")
