"""Everything a person can meet, each with one sentence of cause and one command that helps.

The tree:

    AwsGpuError
    ├── UsageError            the command line is off; nothing was created      (exit status 2)
    │   ├── BadValue · BadName · UnknownType · UnknownRegion · UnknownZone · NothingSelected
    │   ├── CannotTravel · TooMuchToTravel · NothingThere
    │   └── NeedsYes          money or data is at stake, and nobody said --yes
    ├── CredentialsError      AWS does not know who is asking
    │   └── NoCredentials · CredentialsExpired · CredentialsRefused · ProfileMissing · AwsConfigWrong
    │       NoRegion · RegionNotEnabled · ClockWrong
    ├── AccountError          AWS knows who is asking, and the account cannot
    │   └── FreePlan · AccountNotReady · PermissionDenied
    ├── ChoiceError           the wish does not fit together
    │   └── TypeNotOffered · ZoneNotOffered · ImageNotFound · ImageNameTaken · ImageUnsuitable · DiskTooSmall
    │       DriverUnfit · NoDefaultVpc · NoSubnet · KeyPairTaken · GroupMissing · PlanRefused
    │       ResizeUnfit · DiskChangedLately · GuardUnfit · PriceUnknown
    ├── CapacityError         the wish fits, and AWS has none to give
    │   └── QuotaTooLow · NoCapacity · SpotQuotaTooLow · SpotPriceTooLow
    │       NoAddress · NoCapacityAnywhere · NoCapacityToStart · NoCapacityAtData · NotAllNodes
    ├── InstanceError         about an instance that is, was, or is another's
    │   └── NoSuchInstance · NameAmbiguous · OtherWishes · OtherOwner · WrongState · InstanceGone
    │       ImageUnproven · DataInUse · ResizeHalfDone · NotACluster · HeadGone · NotAllLaunched
    ├── HostError             the way to the instance
    │   └── SshUnreachable · SshRefused · HostKeyWrong · HostKeyUnknown · HostKeyNotShown
    │       KeyMissing · KeyTooOpen · KeyFolderTooOpen · RemoteCommandFailed · TransferFailed
    ├── TunnelError           PortTaken · ForwardTaken · TunnelLost
    ├── GuestError            ProvisioningFailed · JupyterDown · KernelFailed
    │   └── CellFailed · CellLost · ModuleMissing · ModuleIsAFile · CannotComeBack
    │       NoGpuAnswers · NoSuchRun · RunFailed · NoCluster · ClusterDown · DaskDiffers
    ├── AwsError              AWS or the way to it failed: AwsUnreachable · AwsFailing · AwsThrottled
    │                         AwsRefused · LaunchUnclear
    ├── LocalError            this machine: BundleUnreadable · StateUnreadable · Busy · ExtraMissing · DetachedFailed
    ├── DemoError             DemoNotRunning · DemoFailed
    ├── Interrupted           the person said stop                               (exit status 130)
    └── Bug                   nobody foresaw it; a log file holds the traceback

Each class holds two templates, `cause` and `remedy`, filled from the facts given by keyword. A
remedy is a command of the shared grammar (`awsgpu …`); a notebook shows it as `%awsgpu …`. The
templates are the message catalogue's keys: translate them, never the filled text.
"""

from __future__ import annotations

import gettext as _gettext
import string
from typing import ClassVar

_translate = _gettext.NullTranslations().gettext

SAID = frozenset({"why", "expected", "difference", "exists", "what", "state", "verb", "first", "waited", "message"})
"""Facts that are words of ours, translated with the sentence; the others are names, figures, or another's words."""


def use_translator(translate: _gettext.NullTranslations) -> None:
    """Fill later messages from `translate`'s catalogue (English templates are its keys)."""
    global _translate  # noqa: PLW0603 - the process speaks one language at a time
    _translate = translate.gettext


class _Facts(dict[str, object]):
    """Facts for a template: one that is missing shows as `…`, never as a second error."""

    def __missing__(self, key: str) -> str:
        return "…"


class AwsGpuError(Exception):
    """The root. `code` is stable and machine-readable; `facts` fill the templates.

    >>> str(QuotaTooLow(family="G", limit=0, region="eu-west-1", needed=4, instance_type="g4dn.xlarge"))
    'Your limit for running G instances is 0 vCPUs in eu-west-1, and this launch needs 4.'
    """

    code: ClassVar[str] = "error"
    exit_status: ClassVar[int] = 1
    cause: ClassVar[str] = "{message}"
    remedy_template: ClassVar[str] = "awsgpu doctor"
    speaks_for: ClassVar[tuple[str, ...]] = ()
    """Wishes that a remedy which launches replaces or drops; the line's others go into `{options}`."""

    def __init__(self, message: str | None = None, **facts: object) -> None:
        """Keep the facts; a positional `message` is for templates that only quote one."""
        if message is not None:
            facts.setdefault("message", message)
        self.facts = facts
        super().__init__(self.message)

    def __reduce__(self) -> tuple[object, ...]:
        """Pickle as class and facts: exceptions cross process borders."""
        return (_rebuild, (type(self), self.facts))

    @property
    def message(self) -> str:
        """One sentence: what stands in the way."""
        told = {
            key: _translate(fact) if key in SAID and isinstance(fact, str) else fact for key, fact in self.facts.items()
        }
        return _fill(_translate(self.cause), told)

    @property
    def english(self) -> str:
        """The sentence as logs keep it, for readers in any language."""
        return _fill(self.cause, self.facts)

    @property
    def remedy(self) -> str:
        """One command that helps, as typed in a terminal."""
        return " ".join(_fill(self.remedy_template, {"options": "", **self.facts}).split())

    def __str__(self) -> str:
        """Return the sentence."""
        return self.message


def _rebuild(kind: type[AwsGpuError], facts: dict[str, object]) -> AwsGpuError:
    error = kind.__new__(kind)
    error.facts = facts
    error.args = (error.message,)
    return error


def _fill(template: str, facts: dict[str, object]) -> str:
    return string.Formatter().vformat(template, (), _Facts(facts)).strip()


# ── usage ────────────────────────────────────────────────────────────────────────────────────


class UsageError(AwsGpuError):
    """The command line is off; nothing was asked of AWS and nothing was created."""

    code = "usage"
    exit_status = 2
    remedy_template = "awsgpu {verb} --help"

    def __init__(self, message: str | None = None, **facts: object) -> None:
        """Point at the whole help where no verb is known."""
        facts.setdefault("verb", "")
        super().__init__(message, **facts)


class BadValue(UsageError):
    """A value that an option cannot take. Facts: option, value, expected, verb."""

    code = "bad-value"
    cause = "{option} cannot be {value}: {expected}."


class BadName(UsageError):
    """A name that AWS tags and file names cannot both carry. Facts: value."""

    code = "bad-name"
    cause = (
        "{value} cannot be a name: use letters, digits, '-' and '_', beginning with a letter, 40 characters at most."
    )


class UnknownType(UsageError):
    """An instance type that EC2 does not know. Facts: instance_type, nearest."""

    code = "unknown-type"
    cause = "There is no instance type {instance_type}; the nearest names are {nearest}."
    remedy_template = "awsgpu types"


class UnknownRegion(UsageError):
    """A region that AWS does not have. Facts: region, nearest."""

    code = "unknown-region"
    cause = "There is no region {region}; the nearest names are {nearest}."
    remedy_template = "awsgpu types --region {likely}"

    def __init__(self, message: str | None = None, **facts: object) -> None:
        """Put the nearest name into the command, so that it runs."""
        first = str(facts.get("nearest", "")).partition(",")[0]
        facts.setdefault("likely", first if "-" in first else "us-west-2")
        super().__init__(message, **facts)


class UnknownZone(UsageError):
    """A zone that the region does not have. Facts: zone, region, zones, elsewhere, instance_type, instead."""

    code = "unknown-zone"
    cause = "{zone} is not a zone of {region}{elsewhere}; its zones are {zones}."
    remedy_template = "awsgpu launch {instance_type}{options} {instead}"
    speaks_for = ("zone",)

    def __init__(self, message: str | None = None, **facts: object) -> None:
        """`elsewhere` is a clause, or nothing; `instead` the option that names a zone there is."""
        facts.setdefault("elsewhere", "")
        facts.setdefault("instead", "")
        super().__init__(message, **facts)


class NothingSelected(UsageError):
    """A verb that needs an instance, and there are several or none. Facts: names, verb."""

    code = "nothing-selected"
    cause = "Say which instance: {names}."
    remedy_template = "awsgpu status"


class NeedsYes(UsageError):
    """Money or data is at stake and nobody can be asked. Facts: what, command."""

    code = "needs-yes"
    cause = "{what}"
    remedy_template = "{command} --yes"


class CannotTravel(UsageError):
    """Values that a cell reads and that mean nothing on another machine. Facts: what, name."""

    code = "cannot-travel"
    cause = "The cell did not run: {what} cannot travel to {name}."
    remedy_template = "awsgpu cell --help"


class TooMuchToTravel(UsageError):
    """A cell reads more than travels unasked. Facts: size, what, limit, name, enough."""

    code = "too-much-to-travel"
    cause = "The cell did not run: it reads {size} that {name} does not have ({what}); {limit} travel unasked."
    remedy_template = "awsgpu cell --limit {enough}"


class NothingThere(UsageError):
    """A path that is not where it was looked for. Facts: path, where, verb."""

    code = "nothing-there"
    cause = "There is no {path} on {where}."


# ── credentials ──────────────────────────────────────────────────────────────────────────────


class CredentialsError(AwsGpuError):
    """AWS does not know who is asking."""

    code = "credentials"


class NoCredentials(CredentialsError):
    """boto3 found no credentials anywhere."""

    code = "no-credentials"
    cause = "No AWS credentials were found on this machine (try everything without an account: awsgpu demo up)."
    remedy_template = "aws configure"


class CredentialsExpired(CredentialsError):
    """A session, SSO login or assumed role has run out. Facts: profile."""

    code = "credentials-expired"
    cause = "Your AWS login has expired."
    remedy_template = "aws sso login{profile_option}"

    def __init__(self, message: str | None = None, **facts: object) -> None:
        """Spell `--profile` only where a profile is in use."""
        profile = facts.get("profile")
        facts.setdefault("profile_option", f" --profile {profile}" if profile else "")
        super().__init__(message, **facts)


class CredentialsRefused(CredentialsError):
    """AWS does not accept the key or the signature. Facts: aws_code."""

    code = "credentials-refused"
    cause = "AWS did not accept your credentials ({aws_code})."
    remedy_template = "aws configure"


class ProfileMissing(CredentialsError):
    """The named profile is in no AWS configuration file. Facts: profile, known."""

    code = "profile-missing"
    cause = "There is no AWS profile {profile}; configured are: {known}."
    remedy_template = "aws configure --profile {profile}"


class AwsConfigWrong(CredentialsError):
    """The AWS configuration of this machine is damaged, or contradicts itself. Facts: aws_message, command."""

    code = "aws-config"
    cause = "Your AWS configuration cannot be used: {aws_message}"
    remedy_template = "{command}"

    def __init__(self, message: str | None = None, **facts: object) -> None:
        """Where no file is known that is wrong, what boto3 reads is listed."""
        facts.setdefault("command", "aws configure list")
        super().__init__(message, **facts)


class NoRegion(CredentialsError):
    """Neither options, settings nor the AWS profile name a region."""

    code = "no-region"
    cause = "No region is set, neither here nor in your AWS profile."
    remedy_template = "aws configure set region us-west-2"


class RegionNotEnabled(CredentialsError):
    """The region exists and this account has not enabled it. Facts: region."""

    code = "region-not-enabled"
    cause = "The region {region} is not enabled for your account."
    remedy_template = "aws account enable-region --region-name {region}"


class ClockWrong(CredentialsError):
    """Requests are refused because this machine's clock is off."""

    code = "clock-wrong"
    cause = "AWS refused the request's time: this machine's clock is off by more than five minutes; set it right."
    remedy_template = "awsgpu doctor"


# ── account ──────────────────────────────────────────────────────────────────────────────────


class AccountError(AwsGpuError):
    """AWS knows who is asking, and the account cannot do this."""

    code = "account"


class FreePlan(AccountError):
    """A Free-plan account can launch free-tier types only, and no GPU is one. Facts: instance_type."""

    code = "free-plan"
    cause = (
        "Your account is on the AWS Free plan, which cannot launch {instance_type}; "
        "upgrade to the paid plan in the Billing console, or try t3.micro."
    )
    remedy_template = "awsgpu launch t3.micro{options}"
    speaks_for = ("image", "cuda", "zone", "spot", "max_price")


class AccountNotReady(AccountError):
    """AWS has not finished checking the account, or has blocked it. Facts: aws_code, aws_message."""

    code = "account-not-ready"
    cause = "AWS has not released your account for this yet ({aws_code}): {aws_message}"
    remedy_template = "awsgpu doctor"


class PermissionDenied(AccountError):
    """An IAM policy does not allow an action. Facts: action, aws_message."""

    code = "permission-denied"
    cause = "Your AWS user or role may not {action}; ask whoever manages the account for it."
    remedy_template = "awsgpu doctor --iam-policy"


# ── choice ───────────────────────────────────────────────────────────────────────────────────


class ChoiceError(AwsGpuError):
    """The wish does not fit together; nothing was created."""

    code = "choice"


class TypeNotOffered(ChoiceError):
    """The region does not offer the type. Facts: instance_type, region, why, successor."""

    code = "type-not-offered"
    cause = "{instance_type} is not offered in {region}{why}."
    remedy_template = "awsgpu launch {successor}{options}"
    speaks_for = ("zone",)

    def __init__(self, message: str | None = None, **facts: object) -> None:
        """Leave out what is not known."""
        facts.setdefault("why", "")
        super().__init__(message, **facts)


class ZoneNotOffered(ChoiceError):
    """The zone does not offer the type. Facts: instance_type, zone, zones."""

    code = "zone-not-offered"
    cause = "{instance_type} is not offered in {zone}; it is in {zones}."
    remedy_template = "awsgpu launch {instance_type}{options}"
    speaks_for = ("zone",)


class ImageNotFound(ChoiceError):
    """No image answers to the wish in the region. Facts: image, region."""

    code = "image-not-found"
    cause = "There is no image {image} in {region}."
    remedy_template = "awsgpu images"


class ImageNameTaken(ChoiceError):
    """An image of the account has the name, and is no copy of what the disk holds now. Facts: image, command.

    Without `--name` an image is named for the time at which it is made.
    """

    code = "image-name-taken"
    cause = "There is an image {image} already, and what it holds is not what is on the disk now."
    remedy_template = "{command}"

    def __init__(self, message: str | None = None, **facts: object) -> None:
        """Mean the only instance there is where none is known."""
        facts.setdefault("command", "awsgpu image")
        super().__init__(message, **facts)


class ImageUnsuitable(ChoiceError):
    """The image does not run on the type. Facts: image, instance_type, why, better."""

    code = "image-unsuitable"
    cause = "The image {image} does not suit {instance_type}: {why}."
    remedy_template = "awsgpu launch {instance_type}{options} --image {better}"
    speaks_for = ("image",)

    def __init__(self, message: str | None = None, **facts: object) -> None:
        """Suggest plain Ubuntu where nothing better is known."""
        facts.setdefault("better", "ubuntu")
        super().__init__(message, **facts)


class DiskTooSmall(ChoiceError):
    """The disk is smaller than the image's snapshot. Facts: disk_gb, needed_gb, image, instance_type."""

    code = "disk-too-small"
    cause = "A disk of {disk_gb} GB is smaller than the image {image}, which needs {needed_gb} GB."
    remedy_template = "awsgpu launch {instance_type}{options} --disk {needed_gb}"
    speaks_for = ("disk_gb",)


class DriverUnfit(ChoiceError):
    """No driver and CUDA serve this GPU as wished. Facts: why, instance_type, instead."""

    code = "driver-unfit"
    cause = "{why}"
    remedy_template = "awsgpu launch {instance_type}{options}{instead}"
    speaks_for = ("cuda",)

    def __init__(self, message: str | None = None, **facts: object) -> None:
        """`instead` is a further option (with a leading space) or nothing."""
        facts.setdefault("instead", "")
        super().__init__(message, **facts)


class NoDefaultVpc(ChoiceError):
    """The account has no default VPC in the region, and no subnet was named. Facts: region."""

    code = "no-default-vpc"
    cause = "Your account has no default network (VPC) in {region}; make one, or name a subnet with --subnet."
    remedy_template = "aws ec2 create-default-vpc --region {region}"


class NoSubnet(ChoiceError):
    """The subnet does not exist, or had no address left beforehand. Facts: subnet, why, instance_type."""

    code = "no-subnet"
    cause = "The subnet {subnet} cannot be used: {why}."
    remedy_template = "awsgpu launch {instance_type}{options}"
    speaks_for = ("subnet", "security_group")


class KeyPairTaken(ChoiceError):
    """AWS holds another key under our key pair's name. Facts: key_name, region."""

    code = "key-pair-taken"
    cause = "AWS holds a key pair {key_name} in {region} whose private half is not on this machine."
    remedy_template = "aws ec2 delete-key-pair --key-name {key_name} --region {region}"


class GroupMissing(ChoiceError):
    """The security group named does not exist there. Facts: group, region, instance_type."""

    code = "group-missing"
    cause = "There is no security group {group} in {region}."
    remedy_template = "awsgpu launch {instance_type}{options}"
    speaks_for = ("security_group",)


class PlanRefused(ChoiceError):
    """The preflight found several obstacles. Facts: count, first, instance_type, command."""

    code = "plan-refused"
    cause = "{count} checks stand in the way; the first: {first}"
    remedy_template = "{command}"


class ResizeUnfit(ChoiceError):
    """A change of type or disk that cannot be. Facts: name, why, remedy_line."""

    code = "resize-unfit"
    cause = "{name} cannot be resized so: {why}."
    remedy_template = "{remedy_line}"

    def __init__(self, message: str | None = None, **facts: object) -> None:
        """Show the types where no other command leads on."""
        facts.setdefault("remedy_line", "awsgpu types")
        super().__init__(message, **facts)


class DiskChangedLately(ChoiceError):
    """AWS lets a volume be changed again only hours after its last change. Facts: volume, aws_message."""

    code = "disk-changed-lately"
    cause = (
        "The disk {volume} was changed a short while ago, and AWS allows the next change only later (six hours, or "
        "once the last one is finished)."
    )
    remedy_template = "awsgpu status"


class GuardUnfit(ChoiceError):
    """The guard outside the machine cannot be set up as wished. Facts: why, command."""

    code = "guard-unfit"
    cause = "The schedule that ends the instance from outside cannot be made: {why}."
    remedy_template = "{command}"


class PriceUnknown(ChoiceError):
    """A budget of hours that have no price. Facts: instance_type, region."""

    code = "price-unknown"
    cause = "A budget cannot be kept: what {instance_type} costs an hour in {region} is unknown here."
    remedy_template = "awsgpu launch {instance_type}{options} --budget none --max-hours 12"
    speaks_for = ("budget", "max_hours")


# ── capacity ─────────────────────────────────────────────────────────────────────────────────


class CapacityError(AwsGpuError):
    """The wish fits together, and AWS has none to give."""

    code = "capacity"


class QuotaTooLow(CapacityError):
    """The account's vCPU limit is too low. Facts: family, limit, needed, used, region, instance_type."""

    code = "quota-too-low"
    cause = "Your limit for running {family} instances is {limit} vCPUs in {region}, and this launch needs {needed}."
    remedy_template = "awsgpu quota {instance_type} --region {region} --request {needed}"


class SpotQuotaTooLow(CapacityError):
    """The account's spot limit is too low. Facts: instance_type, region, needed."""

    code = "spot-quota-too-low"
    cause = "Your limit for spot instances like {instance_type} in {region} is reached."
    remedy_template = "awsgpu quota {instance_type} --region {region} --spot --request {needed}"


class SpotPriceTooLow(CapacityError):
    """The highest price one would pay is below the market's. Facts: max_price, instance_type, zone."""

    code = "spot-price-too-low"
    cause = "{instance_type} costs more than your --max-price {max_price} on the spot market now."
    remedy_template = "awsgpu launch {instance_type}{options} --spot=prefer"
    speaks_for = ("spot",)


class NoCapacity(CapacityError):
    """No zone tried has the type free. Facts: instance_type, tried, region."""

    code = "no-capacity"
    cause = "AWS has no {instance_type} free at the moment; tried: {tried}."
    remedy_template = "awsgpu launch {instance_type}{options} --any-region"
    speaks_for: ClassVar[tuple[str, ...]] = ("any_region",)


class NoAddress(NoCapacity):
    """The subnets tried have no address left, or the account none. Facts: instance_type, tried, region."""

    code = "no-address"
    cause = "AWS has no network address left for {instance_type}; tried: {tried}."
    speaks_for = ("any_region", "subnet", "security_group")


class NoCapacityAnywhere(NoCapacity):
    """No region that offers the type has it free, or lets this account have it. Facts: instance_type, tried."""

    cause = "AWS has no {instance_type} for you at the moment; tried: {tried}. Try again later, or choose another type."
    remedy_template = "awsgpu types"


class NoCapacityToStart(NoCapacity):
    """A stopped instance cannot start: its disk binds it to one zone. Facts: name, instance_type, tried, elsewhere."""

    cause = (
        "AWS has no {instance_type} free at the moment in {tried}, and {name} can start only there, where its disk is: "
        "try again later, or make an image of it, from which a new instance starts elsewhere (then: awsgpu launch "
        "{instance_type} --image {name}-moved --name {name}-2 {elsewhere})."
    )
    remedy_template = "awsgpu image {name} --name {name}-moved"


class NoCapacityAtData(NoCapacity):
    """The zone of a data volume has none free. Facts: name, instance_type, tried, volume, month, command."""

    cause = (
        "AWS has no {instance_type} free at the moment in {tried}, where the data volume of {name} is. In another zone "
        "a copy is made of it by a snapshot, for about {month} a month more until the old one is removed."
    )
    remedy_template = "{command} --yes"


class NotAllNodes(NoCapacity):
    """EC2 took a machine of a cluster back while it began: all were ended. Facts: nodes, instance_type, tried, said."""

    cause = (
        "AWS could not give all {nodes} machines of {instance_type} in {tried} ({said}); those it gave were ended "
        "again, nothing is left."
    )


# ── instances ────────────────────────────────────────────────────────────────────────────────


class InstanceError(AwsGpuError):
    """About an instance that is, was, or is another's."""

    code = "instance"
    remedy_template = "awsgpu status"


class NoSuchInstance(InstanceError):
    """No instance of ours has that name. Facts: name, names."""

    code = "no-such-instance"
    cause = "There is no instance named {name}{names}."

    def __init__(self, message: str | None = None, **facts: object) -> None:
        """`names` is what there is, as a clause, or nothing."""
        facts.setdefault("names", "")
        super().__init__(message, **facts)


class NameAmbiguous(InstanceError):
    """The name stands for more than one instance. Facts: name, ids."""

    code = "name-ambiguous"
    cause = "{name} is the name of more than one instance: {ids}; name one by its id."


class OtherWishes(InstanceError):
    """The name exists with another type, image or region. Facts: name, difference, command."""

    code = "other-wishes"
    cause = "An instance named {name} exists and differs from what you ask: {difference}."
    remedy_template = "{command} --name another-name"


class OtherOwner(InstanceError):
    """The instance carries another owner's tag. Facts: name, owner."""

    code = "other-owner"
    cause = "{name} belongs to {owner}; another owner's instance is shown, never changed."


class WrongState(InstanceError):
    """The instance is in a state the verb cannot work on. Facts: name, state, verb, remedy_verb."""

    code = "wrong-state"
    cause = "{name} is {state}, so it cannot {verb}."
    remedy_template = "awsgpu {remedy_verb} {name}"

    def __init__(self, message: str | None = None, **facts: object) -> None:
        """Show the status where no verb leads on."""
        facts.setdefault("remedy_verb", "status")
        super().__init__(message, **facts)


class InstanceGone(InstanceError):
    """The instance ended while we worked with it. Facts: name, why."""

    code = "instance-gone"
    cause = "{name} has ended: {why}."


class ImageUnproven(InstanceError):
    """The image did not come about, or nothing booted from it; the original is whole. Facts: image, why, name."""

    code = "image-unproven"
    cause = "The image {image} is not proved, so nothing was removed: {why}"
    remedy_template = "awsgpu images"


class DataInUse(InstanceError):
    """The data volume is attached to another instance. Facts: name, volume, holder."""

    code = "data-in-use"
    cause = "The data volume {volume} of {name} is attached to {holder}: only one instance at a time can use it."
    remedy_template = "awsgpu status"


class ResizeHalfDone(InstanceError):
    """A resize failed on its way; the instance is as it was before. Facts: name, instance_type, state, why, command."""

    code = "resize-half-done"
    cause = "{name} was not resized: it is still {instance_type}, {state}. {why}"
    remedy_template = "{command}"


# ── the way to the instance ──────────────────────────────────────────────────────────────────


class HostError(AwsGpuError):
    """The way to the instance."""

    code = "host"
    remedy_template = "awsgpu connect {name}"


class SshUnreachable(HostError):
    """Nothing answers at the instance's SSH port. Facts: name, address, port, waited, mine, seen."""

    code = "ssh-unreachable"
    cause = "SSH to {name} at {address} port {port} does not answer{waited}{addresses}."
    remedy_template = "awsgpu doctor {name}"

    def __init__(self, message: str | None = None, **facts: object) -> None:
        """Take `waited` and `addresses` as clauses, or nothing."""
        facts.setdefault("waited", "")
        facts.setdefault("addresses", "")
        super().__init__(message, **facts)


class SshRefused(HostError):
    """The instance does not accept our key. Facts: name, user, key_file."""

    code = "ssh-refused"
    cause = "{name} does not accept the key {key_file} for the user {user}."
    remedy_template = "awsgpu doctor {name}"


class HostKeyWrong(HostError):
    """Whoever answers is not the instance we know; never continued. Facts: name, address, expected, got."""

    code = "host-key-wrong"
    cause = (
        "Whoever answers at {address} is not {name}: its host key is {got}, expected {expected}. "
        "Nothing was sent to it."
    )
    remedy_template = "awsgpu status"


class HostKeyUnknown(HostError):
    """This machine never learned the instance's host key. Facts: name."""

    code = "host-key-unknown"
    cause = "This machine does not know the host key of {name}: it was launched from another one; import its key."
    remedy_template = "awsgpu key import FILE"


class HostKeyNotShown(HostError):
    """The console shows no host key of an instance that is to be adopted. Facts: name, key_file."""

    code = "host-key-not-shown"
    cause = (
        "The console of {name} shows no host key, so nobody can tell who answers for it. Read the line in its "
        "/etc/ssh/ssh_host_ed25519_key.pub over a way you trust."
    )
    remedy_template = "awsgpu adopt {name} --key {key_file} --host-key LINE"


class KeyMissing(HostError):
    """The private key that opens the instance is not here. Facts: name, key_file."""

    code = "key-missing"
    cause = "The private key for {name} is not on this machine ({key_file})."
    remedy_template = "awsgpu key import FILE"


class KeyTooOpen(HostError):
    """A private key that others can read is refused. Facts: key_file, mode."""

    code = "key-too-open"
    cause = "The private key {key_file} can be read by others (mode {mode}); it must be yours alone."
    remedy_template = "chmod 600 {key_file}"


class KeyFolderTooOpen(HostError):
    """The folder of our private keys lets others in, who could put a key of theirs in it. Facts: folder, mode."""

    code = "key-folder-too-open"
    cause = "The folder of the private keys, {folder}, is open to others (mode {mode}); it must be yours alone."
    remedy_template = "chmod 700 {folder}"


class RemoteCommandFailed(HostError):
    """A command on the instance failed. Facts: name, command, status, output."""

    code = "remote-command-failed"
    cause = "On {name}, {command} ended with status {status}: {output}"
    remedy_template = "awsgpu logs {name}"


class TransferFailed(HostError):
    """Files did not all arrive; those that did stay. Facts: name, why, command."""

    code = "transfer-failed"
    cause = "Not all files travelled between here and {name}: {why}. What arrived stays."
    remedy_template = "{command}"


# ── tunnel ───────────────────────────────────────────────────────────────────────────────────


class TunnelError(AwsGpuError):
    """The port-forward."""

    code = "tunnel"
    remedy_template = "awsgpu connect {name}"


class PortTaken(TunnelError):
    """The local port and its neighbours are taken. Facts: port, name."""

    code = "port-taken"
    cause = "Local port {port} and the next ones are taken by other programs."
    remedy_template = "awsgpu connect {name} --port 9889"


class ForwardTaken(TunnelError):
    """A further local port that was asked for is taken. Facts: port, free, remote, name."""

    code = "forward-taken"
    cause = "Local port {port}, asked for with --forward, is taken by another program."
    remedy_template = "awsgpu connect {name} --forward {free}:{remote}"


class TunnelLost(TunnelError):
    """The tunnel did not come up, or gave up. Facts: name, why."""

    code = "tunnel-lost"
    cause = "The tunnel to {name} is not up: {why}."


# ── guest ────────────────────────────────────────────────────────────────────────────────────


class GuestError(AwsGpuError):
    """What happens on the instance itself."""

    code = "guest"
    remedy_template = "awsgpu logs {name}"


class ProvisioningFailed(GuestError):
    """A step of the guest failed. Facts: name, step, log."""

    code = "provisioning-failed"
    cause = "{name} could not finish its step '{step}': {log}"
    remedy_template = "awsgpu provision {name}"


class JupyterDown(GuestError):
    """Jupyter on the instance does not answer. Facts: name, log."""

    code = "jupyter-down"
    cause = "Jupyter on {name} does not answer: {log}"
    remedy_template = "awsgpu logs {name}"


class KernelFailed(GuestError):
    """A kernel for a notebook here did not start on the instance. Facts: name, why."""

    code = "kernel-failed"
    cause = "No kernel started on {name}: {why}"
    remedy_template = "awsgpu provision {name}"


class CellFailed(GuestError):
    """A cell raised an exception on the instance. Facts: name, ename, evalue."""

    code = "cell-failed"
    cause = "{ename} on {name}: {evalue}"
    remedy_template = ""


class CellLost(GuestError):
    """The kernel of a notebook's cells has gone, or its answer has. Facts: name, why."""

    code = "cell-lost"
    cause = "The cell's answer from {name} is lost: {why}. The next %%awsgpu cell goes on, or begins anew."
    remedy_template = "awsgpu status"


class ModuleMissing(GuestError):
    """A cell needs a module that the instance has not. Facts: name, module, python, package."""

    code = "module-missing"
    cause = "The cell did not run: {name} has no module {module}."
    remedy_template = "awsgpu ssh {name} -- {python} -m pip install {package}"


class ModuleIsAFile(ModuleMissing):
    """A cell needs a module that is a file beside the notebook. Facts: name, module, path."""

    cause = "The cell did not run: {module} is a file of yours, and {name} does not have it."
    remedy_template = "awsgpu push {path} --name {name}"


class CannotComeBack(GuestError):
    """Results that no safe format carries. Facts: what, name."""

    code = "cannot-come-back"
    cause = (
        "{what} cannot come back from {name} as plain data. A pickle would carry it, and reading one runs what the "
        "instance wrote, on this machine: say --unpickle if you trust it."
    )
    remedy_template = "awsgpu cell --unpickle"


class NoGpuAnswers(GuestError):
    """The instance shows no GPU. Facts: name, why."""

    code = "no-gpu-answers"
    cause = "{name} shows no GPU: {why}."
    remedy_template = "awsgpu doctor {name}"


class NoCluster(GuestError):
    """A machine that is no part of a cluster, or does not say so. Facts: name."""

    code = "no-cluster"
    cause = "{name} does not say that it belongs to a cluster."
    remedy_template = "awsgpu status {name}"


class NoSuchRun(GuestError):
    """A run that the instance does not keep. Facts: name, run."""

    code = "no-such-run"
    cause = "{name} keeps no run {run}."
    remedy_template = "awsgpu runs {name}"


class RunFailed(GuestError):
    """A script or notebook did not end well. Facts: name, run, how."""

    code = "run-failed"
    cause = "{run} on {name} {how}."
    remedy_template = "awsgpu runs {name} --log {run}"


# ── AWS and the way to it ────────────────────────────────────────────────────────────────────


class AwsError(AwsGpuError):
    """AWS, or the way to it, failed."""

    code = "aws"


class AwsUnreachable(AwsError):
    """No connection to an AWS endpoint. Facts: endpoint."""

    code = "aws-unreachable"
    cause = "AWS does not answer at {endpoint}: check this machine's network, VPN or proxy."


class AwsThrottled(AwsError):
    """AWS asks us to slow down, and kept doing so. Facts: operation."""

    code = "aws-throttled"
    cause = "AWS is asking for fewer requests ({operation}); wait a minute, then run the same command again."
    remedy_template = "awsgpu status"


class AwsFailing(AwsUnreachable):
    """AWS answers with a fault of its own (HTTP 5xx). Facts: operation, aws_code, aws_message."""

    code = "aws-failing"
    cause = "AWS has a fault of its own at {operation} ({aws_code}); wait a minute, then run the same command again."
    remedy_template = "awsgpu status"


class AwsRefused(AwsError):
    """Any other refusal, in AWS's own words. Facts: operation, aws_code, aws_message."""

    code = "aws-refused"
    cause = "AWS refused {operation} ({aws_code}): {aws_message}"


class LaunchUnclear(AwsError):
    """EC2 knows a launch's token with other parameters, and shows no instance of it. Facts: region, instance_type."""

    code = "launch-unclear"
    cause = (
        "EC2 in {region} knows the request of this launch in another form, and shows no instance of it yet. It was not "
        "asked for another one, so that there are never two: in a minute it is clear, then launch again."
    )
    remedy_template = "awsgpu launch {instance_type}{options}"


# ── this machine ─────────────────────────────────────────────────────────────────────────────


class LocalError(AwsGpuError):
    """This machine."""

    code = "local"


class StateUnreadable(LocalError):
    """A file of ours is damaged, or from a later version. Facts: path, why."""

    code = "state-unreadable"
    cause = "{path} cannot be read: {why}."


class BundleUnreadable(LocalError):
    """A key bundle that cannot be opened, or is none. Facts: why."""

    code = "bundle-unreadable"
    cause = "The key bundle cannot be read: {why}."
    remedy_template = "awsgpu key export FILE"


class Busy(LocalError):
    """Another process is changing the same instance. Facts: name, holder."""

    code = "busy"
    cause = "Another command is changing {name}{holder}."
    remedy_template = "awsgpu logs {name}"

    def __init__(self, message: str | None = None, **facts: object) -> None:
        """`holder` is a clause naming the process, or nothing."""
        facts.setdefault("holder", "")
        super().__init__(message, **facts)


class ExtraMissing(LocalError):
    """An optional part of the package is not installed. Facts: what, extra."""

    code = "extra-missing"
    cause = "{what} needs an extra that is not installed."
    remedy_template = 'pip install "jupyter-awsgpu[{extra}]"'


class DetachedFailed(LocalError):
    """A verb that was to go on by itself ended before it began. Facts: message, remedy."""

    code = "detached-failed"
    remedy_template = "{remedy}"


# ── clusters ─────────────────────────────────────────────────────────────────────────────────


class NotACluster(InstanceError):
    """A verb for clusters, and a machine by itself. Facts: name, instance_type."""

    code = "not-a-cluster"
    cause = "{name} is a machine by itself, without Dask."
    remedy_template = "awsgpu launch {instance_type} --nodes 2 --engine dask --name cluster"


class HeadGone(InstanceError):
    """The machine with a cluster's Jupyter and scheduler no longer exists. Facts: name, command."""

    code = "head-gone"
    cause = "The head of {name} is gone, and with it the Jupyter and the scheduler of the cluster."
    remedy_template = "{command}"


class NotAllLaunched(InstanceError):
    """Of several machines by themselves some failed. Facts: ready, count, failed (which, and why), command."""

    code = "not-all-launched"
    cause = "{ready} of {count} machines are ready; {failed}."
    remedy_template = "{command}"


class ClusterDown(GuestError):
    """The head runs, and its scheduler does not answer. Facts: name."""

    code = "cluster-down"
    cause = "The scheduler of {name} does not answer."
    remedy_template = "awsgpu provision {name}"


class DaskDiffers(GuestError):
    """Client and cluster have different versions of what they must agree in. Facts: name, difference, wanted."""

    code = "dask-differs"
    cause = "This notebook and the cluster {name} have different versions: {difference}."
    remedy_template = "pip install {wanted}"


# ── demo ─────────────────────────────────────────────────────────────────────────────────────


class DemoError(AwsGpuError):
    """The simulated AWS."""

    code = "demo"
    remedy_template = "awsgpu demo up"


class DemoNotRunning(DemoError):
    """The simulated AWS is not running."""

    code = "demo-not-running"
    cause = "The simulated AWS is not running."


class DemoFailed(DemoError):
    """The simulated AWS did not start. Facts: why."""

    code = "demo-failed"
    cause = "The simulated AWS did not start: {why}"
    remedy_template = "awsgpu demo down"


# ── ends that are nobody's mistake ───────────────────────────────────────────────────────────


class Interrupted(AwsGpuError):
    """The person said stop. Facts: exists (a sentence on what is left), command (how to go on)."""

    code = "interrupted"
    exit_status = 130
    cause = "Interrupted. {exists}"
    remedy_template = "{command}"


class Bug(AwsGpuError):
    """Nobody foresaw this. Facts: what, log_file."""

    code = "bug"
    cause = "This is a mistake in jupyter-awsgpu, not yours: {what}. The details are in {log_file}."
    remedy_template = "awsgpu status"
