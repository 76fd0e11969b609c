"""The values that cross rooms: frozen, typed, without behaviour beyond reading themselves.

Nothing here imports boto3, paramiko, IPython or any other room. boto3's dictionaries die inside
`cloud/`; what leaves it is one of these.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from datetime import date, datetime
    from pathlib import Path

DEFAULT_NAME = "gpu"
"""The name of an instance whose launcher gave none."""

SCHEMA_VERSION = 1
"""Version of our tags and of every document we keep on disk."""


DATA_DEVICE = "/dev/sdf"
"""Where a data volume is attached: the first device name recommended for one (EBS user guide, device names)."""

GUEST_COMMAND = "/usr/local/bin/awsgpu-guest"
"""The guest program's command, by its full path: sudo's secure_path lacks /usr/local/bin on Amazon Linux."""

ADOPTED = "jupyter-awsgpu:adopted"
"""The tag of an instance that another tool launched: used and stopped as any, never ours to remove."""


def pin_id(launch_id: str, launch_index: int) -> str:
    """Return under what the host keys of a launch's machine are pinned; `launch_index` is its place in EC2's answer.

    >>> pin_id("l-1", 0), pin_id("l-1", 2)
    ('l-1', 'l-1-n2')
    """
    return f"{launch_id}-n{launch_index}" if launch_index else launch_id


class InstanceState(StrEnum):
    """An instance's state, in EC2's own words."""

    PENDING = "pending"
    RUNNING = "running"
    STOPPING = "stopping"
    STOPPED = "stopped"
    SHUTTING_DOWN = "shutting-down"
    TERMINATED = "terminated"

    @property
    def alive(self) -> bool:
        """Whether the instance still exists for its owner (anything but going or gone)."""
        return self not in (InstanceState.SHUTTING_DOWN, InstanceState.TERMINATED)

    @property
    def bills(self) -> bool:
        """Whether EC2 bills the instance by the second in this state (its disk bills while `alive`)."""
        return self in (InstanceState.PENDING, InstanceState.RUNNING)


@dataclass(frozen=True, slots=True)
class Identity:
    """Who AWS says we are. `owner` is stable over sessions: account and user or role."""

    account: str
    arn: str
    owner: str
    partition: str = "aws"


@dataclass(frozen=True, slots=True)
class Gpu:
    """The accelerators of one instance type.

    `memory_mib` is of one GPU. `count` is below 1 for a share of a GPU (g6f).
    `compute_capability` is NVIDIA's, as text ("8.6"), or "" for other makers.
    """

    model: str
    count: float
    memory_mib: int
    compute_capability: str = ""
    maker: str = "NVIDIA"

    def __str__(self) -> str:
        """Return e.g. `4 x T4` or `T4`."""
        return self.model if self.count == 1 else f"{self.count:g} x {self.model}"


@dataclass(frozen=True, slots=True)
class InstanceType:
    """What EC2 says of a type, plus what has become of it (`retired_on`, `successor`)."""

    name: str
    vcpus: int
    memory_mib: int
    gpu: Gpu | None = None
    architecture: str = "x86_64"
    retired: bool = False
    successor: str | None = None
    free_tier: bool = False
    placement: bool = False
    """Whether several of it can be placed close together (EC2's placement strategy `cluster`)."""

    @property
    def family(self) -> str:
        """The part before the dot: `p2` of `p2.xlarge`."""
        return self.name.partition(".")[0]


@dataclass(frozen=True, slots=True)
class Price:
    """Money an hour, and where the figure is from (`source`, `as_of`)."""

    per_hour: float
    currency: str = "USD"
    source: Literal["price list", "catalogue", "spot history"] = "catalogue"
    as_of: date | None = None

    def times(self, count: int) -> Price:
        """Return what `count` of it cost an hour."""
        return replace(self, per_hour=round(self.per_hour * count, 6))

    def __str__(self) -> str:
        """Return e.g. `$0.90/h`."""
        sign = {"USD": "$", "CNY": "¥"}.get(self.currency, self.currency + " ")
        digits = 2 if round(self.per_hour, 2) == round(self.per_hour, 4) else 4
        return f"{sign}{self.per_hour:.{digits}f}/h"


@dataclass(frozen=True, slots=True)
class Offer:
    """An instance type in a region: where, at what price."""

    instance_type: InstanceType
    region: str
    zones: tuple[str, ...] = ()
    price: Price | None = None
    spot_price: Price | None = None
    regions_offering: int | None = None
    round_trip_ms: float | None = None


ImageKind = Literal["dlami", "dlami-pytorch", "ubuntu", "own", "ami"]


@dataclass(frozen=True, slots=True)
class Image:
    """A machine image as it stands in one region, with what a launch must know of it."""

    image_id: str
    name: str
    region: str
    kind: ImageKind
    user: str
    root_device: str
    root_gb: int
    architecture: str = "x86_64"
    created: datetime | None = None
    driver: str | None = None
    snapshot_ids: tuple[str, ...] = ()
    historical: bool = False
    owner: str | None = None
    """Whose it is, as our tag says."""
    made_of: str | None = None
    """The instance, or the image elsewhere, that it was made of, as our tag says."""
    frozen: bool = False
    """Whether that instance went on running, and writing, meanwhile, as our tag says."""
    per_month: float | None = None
    """What its snapshots cost a month at most, where it is one's own."""
    supports: tuple[str, ...] = ()
    """Families of GPU types it runs on, e.g. `g4dn`; filled where images are listed."""
    software: str | None = None
    """What of it may be billed beside the price of plain Linux: another system, a product of the Marketplace."""

    @property
    def has_driver(self) -> bool:
        """Whether a GPU driver is part of the image."""
        return self.kind in ("dlami", "dlami-pytorch")


@dataclass(frozen=True, slots=True)
class Quota:
    """A vCPU quota of a family's bucket in one region: limit, use, and an open request."""

    code: str
    label: str
    limit: float
    used: float
    region: str
    spot: bool = False
    request_status: str | None = None
    requested: float | None = None
    instance_type: str | None = None
    needed: int | None = None
    """The vCPUs that one more instance of `instance_type` takes, where a type was asked about."""

    @property
    def free(self) -> float:
        """The vCPUs still to be had under the limit."""
        return max(0.0, self.limit - self.used)


@dataclass(frozen=True, slots=True)
class Wishes:
    """What a person asked of `launch`: every option, before anything is resolved.

    Sizes are GB, times minutes or hours as named. `None` means "as the settings or AWS have it".
    """

    instance_type: str
    name: str = DEFAULT_NAME
    nodes: int = 1
    """How many machines share the name, as one cluster."""
    engine: Literal["dask"] | None = None
    """What makes a cluster of the machines; None for a machine that is none."""
    region: str | None = None
    zone: str | None = None
    any_region: bool = False
    subnet: str | None = None
    security_group: str | None = None
    instance_profile: str | None = None
    image: str | None = None
    disk_gb: int | None = None
    data_gb: int | None = None
    """A volume of its own at ~/data: None attaches what there is, 0 nothing, a size makes or grows it."""
    key_file: Path | None = None
    spot: Literal["no", "yes", "prefer"] = "no"
    max_price: float | None = None
    cuda: str | None = None
    python: Literal["auto", "miniforge", "anaconda", "system"] = "auto"
    environment: str | None = None
    idle_stop_minutes: int | None = 60
    on_idle: Literal["stop", "terminate"] = "stop"
    max_hours: float | None = 12.0
    budget: float | None = None
    guard: Literal["none", "scheduler"] = "none"
    guard_role: str | None = None
    """The ARN of the role by which EventBridge Scheduler may end the instance."""
    local_port: int = 8889


TunnelPhase = Literal["connecting", "up", "lost", "gave-up", "closed"]


@dataclass(frozen=True, slots=True)
class Tunnel:
    """A port-forward to one instance, as its record and its process say.

    `forwards` are (local port, port on the instance) pairs; the first is Jupyter's.
    `since` is when the present `phase` began. `pid` is only ours if `pid_started` agrees.
    """

    instance_id: str
    name: str
    forwards: tuple[tuple[int, int], ...]
    pid: int
    pid_started: float
    phase: TunnelPhase
    since: datetime
    reason: str | None = None
    bind: str = "127.0.0.1"

    @property
    def local_port(self) -> int:
        """The local end of Jupyter's forward."""
        return self.forwards[0][0]

    @property
    def remote_port(self) -> int:
        """The instance's end of Jupyter's forward."""
        return self.forwards[0][1]

    @property
    def local_url(self) -> str:
        """The address to open, without a token (a token never travels in a URL we print)."""
        return f"http://127.0.0.1:{self.local_port}/"


@dataclass(frozen=True, slots=True)
class JupyterServer:
    """A Jupyter server on the instance, as its own `jupyter server list --json` has it."""

    port: int
    token: str = field(repr=False)
    base_url: str = "/"
    root_dir: str = ""
    pid: int | None = None


@dataclass(frozen=True, slots=True)
class GuestStep:
    """One step of the guest's provisioning: `seconds` once it ended, `log` its last lines if it failed."""

    key: str
    text: str
    phase: Literal["waiting", "running", "done", "skipped", "failed"]
    seconds: float | None = None
    log: str = ""


@dataclass(frozen=True, slots=True)
class GuestReport:
    """What the guest program on the instance says of itself.

    `phase` is "provisioning", "ready", "failed" or "rebooting". `idle_stop_in_s` and
    `cap_in_s` count down, in seconds, to the stop they name; `busy_because` says why idleness
    does not count at present. `read_at` tells how old the report is.
    """

    phase: Literal["provisioning", "ready", "failed", "rebooting"]
    steps: tuple[GuestStep, ...] = ()
    version: str = ""
    python: str = ""
    driver: str | None = None
    cuda: str | None = None
    busy_because: str | None = None
    idle_stop_in_s: float | None = None
    cap_in_s: float | None = None
    kept_until: datetime | None = None
    spent: float | None = None
    notice: str | None = None
    read_at: datetime | None = None
    ran_s: float | None = None
    """Seconds the instance has run in all its boots, by its own log."""
    gpu: dict[str, float] | None = None
    cluster: ClusterReport | None = None
    """What it says of the cluster that it belongs to; None for a machine by itself."""


@dataclass(frozen=True, slots=True)
class NodeSeen:
    """What a worker of a cluster last told its head, `age_s` seconds before the report."""

    node: int
    busy_because: str | None
    age_s: float


@dataclass(frozen=True, slots=True)
class ClusterReport:
    """What a node says of its cluster in passing.

    The head alone knows `joined` (worker processes at the scheduler), `tasks` (which the engine has to do),
    `present` (nodes with a worker at the scheduler) and `seen`; None and nothing where it did not say.
    """

    engine: str
    node: int
    nodes: int
    joined: int | None = None
    tasks: int | None = None
    present: tuple[int, ...] = ()
    seen: tuple[NodeSeen, ...] = ()


@dataclass(frozen=True, slots=True)
class ClusterSecrets:
    """What lets one into a cluster, as PEM: its authority, and one key pair for all its nodes and clients."""

    ca: str = field(repr=False)
    cert: str = field(repr=False)
    key: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Membership:
    """One node's part of a cluster, as it is told at `join`; addresses are private ones.

    `versions` are exact pins (package → version), those of the head; None for the head, which resolves them.
    `cluster` is the launch id that all nodes have in common.
    """

    engine: str
    node: int
    nodes: int
    cluster: str
    head: str
    address: str
    secrets: ClusterSecrets
    versions: dict[str, str] | None = None


@dataclass(frozen=True, slots=True)
class ClusterState:
    """A node's whole word of its cluster, asked on purpose.

    `versions` are of what client and cluster must agree on, `python` among them. `joined`, `tasks` and `present`
    are the head's, as in `ClusterReport`. `secrets` are there where they were asked for.
    """

    engine: str
    node: int
    nodes: int
    cluster: str
    head: str
    address: str
    versions: dict[str, str] = field(default_factory=dict)
    joined: int | None = None
    tasks: int | None = None
    present: tuple[int, ...] = ()
    scheduler_port: int = 8786
    dashboard_port: int = 8787
    secrets: ClusterSecrets | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class Instance:
    """One instance of ours: what AWS records, and beside it what this machine knows.

    `tunnel` and `guest` are filled by the verbs where they were asked; `price_per_hour` is
    on-demand or spot as the instance was bought. The Jupyter token is deliberately not here: an
    `Instance` is shown, printed and saved in notebooks.
    """

    name: str
    instance_id: str
    instance_type: str
    state: InstanceState
    region: str
    zone: str
    launch_id: str
    owner: str
    image_id: str
    launched_at: datetime
    ssh_user: str
    image_wish: str = ""
    ssh_port: int = 22
    key_name: str | None = None
    public_address: str | None = None
    private_address: str | None = None
    security_groups: tuple[str, ...] = ()
    volume_ids: tuple[str, ...] = ()
    root_gb: int | None = None
    spot: bool = False
    gpu: Gpu | None = None
    price_per_hour: float | None = None
    currency: str = "USD"
    remote_port: int = 8888
    state_reason: str | None = None
    stopped_at: datetime | None = None
    tags: tuple[tuple[str, str], ...] = ()
    tunnel: Tunnel | None = None
    guest: GuestReport | None = None
    demo: bool = False
    data_volume_id: str | None = None
    data_volume: Volume | None = None
    """The volume at ~/data, filled by the verbs that show it; `data_volume_id` is what EC2 says in passing."""
    engine: str | None = None
    """What makes a cluster of the machines of this name; None for a machine by itself."""
    nodes: int = 1
    """How many machines were asked for under this name."""
    node: int = 0
    """Its number among them: 0 is the head, with Jupyter and the tunnel."""
    cluster_id: str = ""
    """The launch id of the call that began the cluster; a machine launched later in another's place has it too."""
    launch_index: int = 0
    """Its place in the answer of its own RunInstances call (EC2's AmiLaunchIndex)."""

    @property
    def title(self) -> str:
        """The name a person uses for this very machine: `gpu`, and `gpu/2` for a node of a cluster."""
        return f"{self.name}/{self.node}" if self.node else self.name

    @property
    def pin_id(self) -> str:
        """Under what its host keys are pinned: the launch id, for further machines of that launch with their place."""
        return pin_id(self.launch_id, self.launch_index)

    @property
    def adopted(self) -> bool:
        """Whether another tool launched it, and `adopt` took it in."""
        return ADOPTED in dict(self.tags)

    @property
    def local_url(self) -> str | None:
        """Where Jupyter answers on this machine, if a tunnel is open."""
        return self.tunnel.local_url if self.tunnel else None

    @property
    def local_port(self) -> int | None:
        """The tunnel's local port, if a tunnel is open."""
        return self.tunnel.local_port if self.tunnel else None


@dataclass(frozen=True, slots=True)
class DaskWay:
    """How a client on this machine reaches a cluster's Dask: through the tunnel, with the cluster's own certificate.

    `versions` are pairs of a package and its version there. The certificate opens the cluster: it is never shown.
    """

    name: str
    scheduler: str
    dashboard: str
    workers: int
    versions: tuple[tuple[str, str], ...] = ()
    secrets: ClusterSecrets | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class GpuCard:
    """One GPU at one moment; None for what it does not tell."""

    index: int
    model: str
    percent: float | None = None
    memory_used_mib: float | None = None
    memory_total_mib: float | None = None
    celsius: float | None = None
    watts: float | None = None
    watts_limit: float | None = None


@dataclass(frozen=True, slots=True)
class GpuProcess:
    """A process that computes on a GPU; `card` is the GPU's number."""

    pid: int
    command: str
    memory_mib: float | None = None
    card: int | None = None


@dataclass(frozen=True, slots=True)
class GpuUse:
    """What an instance's GPUs do, read at `read_at` by its own clock; `stale` where that is no longer now."""

    name: str
    read_at: datetime
    cards: tuple[GpuCard, ...]
    processes: tuple[GpuProcess, ...] = ()
    stale: bool = False


@dataclass(frozen=True, slots=True)
class Run:
    """A script or notebook that runs, or ran, on the instance `name` by itself.

    `status` is its exit status once it ended; `executed` whether a notebook's executed copy is there. One is
    "lost" where the instance stopped before it ended.
    """

    id: str
    name: str
    script: str
    args: tuple[str, ...]
    state: Literal["running", "done", "failed", "cancelled", "lost"]
    status: int | None = None
    started_at: datetime | None = None
    seconds: float | None = None
    executed: bool = False


@dataclass(frozen=True, slots=True)
class Transfer:
    """What a `push` or `pull` did: files and bytes that travelled, files that were the same, and what was left out.

    `links` are symbolic links, which do not travel; `restless` are files that changed while they were read.
    """

    name: str
    verb: str
    files: int
    size: int
    same: int
    ignored: int
    links: int
    restless: tuple[str, ...]
    seconds: float


@dataclass(frozen=True, slots=True)
class Check:
    """One line of a preflight. `ok` is None where it could not be asked; `remedy` mends a refusal."""

    key: str
    label: str
    ok: bool | None
    detail: str
    remedy: str | None = None
    error: str | None = None


@dataclass(frozen=True, slots=True)
class Plan:
    """What a launch would do, cost and meet: the answer of `plan`, the first act of `launch`.

    `disk_per_month` and `address_per_hour` are what is billed beside the instance.
    """

    wishes: Wishes
    region: str
    checks: tuple[Check, ...]
    instance_type: InstanceType | None = None
    image: Image | None = None
    zones: tuple[str, ...] = ()
    price: Price | None = None
    spot_price: Price | None = None
    disk_gb: int | None = None
    disk_per_month: float | None = None
    address_per_hour: float | None = None
    minutes_to_ready: float | None = None
    notes: tuple[str, ...] = ()
    demo: bool = False

    @property
    def ok(self) -> bool:
        """Whether nothing stands in the way (what could not be asked does not)."""
        return all(check.ok is not False for check in self.checks)

    @property
    def refusals(self) -> tuple[Check, ...]:
        """The checks that failed."""
        return tuple(check for check in self.checks if check.ok is False)


@dataclass(frozen=True, slots=True)
class Event:
    """One line of an operation log: a step began, said something, ended or failed.

    `at` is seconds since the epoch; `seconds` how long the step took; `fraction` 0 to 1.
    """

    operation: str
    verb: str
    name: str
    step: str
    phase: Literal["started", "said", "done", "failed"]
    text: str
    at: float
    seconds: float | None = None
    fraction: float | None = None


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Where and as whom an instance's SSH answers: all that `host/` needs to dial it."""

    instance_id: str
    address: str
    port: int
    user: str
    key_file: Path
    via: str | None = None


@dataclass(frozen=True, slots=True)
class Volume:
    """An EBS volume of ours. `gb` is its size; `instance_id` what it is attached to, if anything."""

    volume_id: str
    name: str
    gb: int
    zone: str
    state: str
    instance_id: str | None = None
    purpose: Literal["root", "data"] = "root"
    created: datetime | None = None
    copy_of: str | None = None
    """The volume it was copied from into another zone: that one has been taken over from."""
    region: str = ""
    per_month: float | None = None
    """What it costs a month in the region's currency, filled where it is shown."""


LeftoverKind = Literal[
    "instance",
    "volume",
    "data volume",
    "snapshot",
    "image",
    "address",
    "schedule",
    "key pair",
    "placement group",
    "security group",
    "local key",
    "tunnel record",
]


@dataclass(frozen=True, slots=True)
class Leftover:
    """Something of ours that costs money or clutters, with why we take it for ours (`evidence`).

    `cost_per_month` is in the region's currency; 0 for what only clutters, None where unknown.
    """

    kind: LeftoverKind
    id: str
    name: str
    region: str
    cost_per_month: float | None
    detail: str
    evidence: str


CostKind = Literal["running", "disk", "address", "data", "image"]


@dataclass(frozen=True, slots=True)
class CostPart:
    """One part of what a thing has cost: while running, for its disk, address, data volume or image."""

    kind: CostKind
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class Cost:
    """What one thing has cost: `low` to `high`, equal where everything is known."""

    name: str
    what: str
    low: float
    high: float
    currency: str = "USD"
    hours_running: float = 0.0
    per_month_at_rest: float | None = None
    detail: str = ""
    parts: tuple[CostPart, ...] = ()
    today: tuple[float, float] | None = None
    month: tuple[float, float] | None = None
    """What of it fell on today and on this month (UTC), at least and at most; None where nobody asked."""
    since: float | None = None
