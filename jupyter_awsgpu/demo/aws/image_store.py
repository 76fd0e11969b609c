"""The images in moto's store: seeded per region, with true sizes; made, copied and removed as AWS does."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from jupyter_awsgpu.demo.aws.images import SOURCES, parameters
from jupyter_awsgpu.demo.aws.operations import replace

if TYPE_CHECKING:
    from jupyter_awsgpu.demo.aws.images import Source


def install() -> None:
    """Seed every region's images and public parameters when the region is first used."""
    from moto.ec2.models.amis import AmiBackend
    from moto.ssm.models import ParameterDict

    replace(AmiBackend, "_load_amis", _seed)  # moto: one list of ids for all regions, 15 GB each
    replace(ParameterDict, "_check_loading_status", _load_parameters)  # moto has no Canonical or DLAMI names


def _seed(backend: Any) -> None:
    for source in SOURCES:
        image = _image_of(backend, source)
        backend.amis[image.id] = image


def _image_of(backend: Any, source: Source) -> Any:
    from moto.ec2.models.amis import Ami

    image = Ami(
        backend,
        source.image_id(backend.region_name),
        name=source.name,
        description=source.description,
        owner_id=source.owner,
        owner_alias="amazon" if source.public else None,
        public=source.public,
        virtualization_type="hvm",
        architecture=source.architecture,
        creation_date=source.created.replace(tzinfo=None),
        image_location=f"amazon/{source.name}",
        hypervisor="xen",
        root_device_type="ebs",
        root_device_name=source.root_device,
        region_name=backend.region_name + "a",
        boot_mode="uefi-preferred",
    )
    return dress(image, source.root_gb, source.facts())


def dress(image: Any, root_gb: int, facts: dict[str, Any]) -> Any:
    """Give a moto image its true size, its facts for the host, and the class that shows them."""
    image.ebs_snapshot.volume.size = root_gb
    image.image_folder = None
    image.mappings = None
    image.__class__ = _simulated()
    return know(image, facts)


def know(image: Any, facts: dict[str, Any]) -> Any:
    """Give an image the facts of what is on it; an image of an instance, and a copy, have those of the first."""
    image.facts = facts
    image.product_codes = [
        {"ProductCodeId": one, "ProductCodeType": "marketplace"} for one in facts.get("product_codes", ())
    ]
    return image


def _simulated() -> type[Any]:
    global _SIMULATED  # noqa: PLW0603 - made once, after moto is imported
    if _SIMULATED is None:
        from moto.ec2.models.amis import Ami

        class SimulatedImage(Ami):
            """moto's image, with the block devices AWS shows (moto: always 15 GB, standard), and how it is billed."""

            mappings: list[dict[str, Any]] | None
            facts: dict[str, Any]

            @property
            def block_device_mappings(self) -> list[dict[str, Any]]:
                root = {
                    "DeviceName": self.root_device_name,
                    "Ebs": {
                        "SnapshotId": self.ebs_snapshot.id,
                        "VolumeSize": self.ebs_snapshot.volume.size,
                        "DeleteOnTermination": True,
                        "VolumeType": "gp3",
                        "Encrypted": bool(self.ebs_snapshot.encrypted),
                    },
                }
                return [root, *(self.mappings or [])]

            @property
            def platform_details(self) -> str:
                return str(self.facts.get("platform_details", "Linux/UNIX"))

            @property
            def usage_operation(self) -> str:
                return str(self.facts.get("usage_operation", "RunInstances"))

            @property
            def ena_support(self) -> bool:
                return True

            @property
            def imds_support(self) -> str | None:
                return "v2.0" if "historical" not in (self.name or "") else None

        _SIMULATED = SimulatedImage
    return _SIMULATED


_SIMULATED: type[Any] | None = None


def _load_parameters(store: Any, key: str) -> None:
    """Put the public parameters of the region there before anything below `/aws/service` is read."""
    if not str(key or "").startswith("/aws/service") or getattr(store, "public_parameters", False):
        return
    store.public_parameters = True
    from moto.ssm import models

    parameter: Any = models.Parameter  # moto's type leaves methods abstract that nobody calls
    for name, (image_id, changed) in parameters(store.region_name).items():
        value = parameter(
            account_id=store.account_id,
            name=name,
            value=image_id,
            parameter_type="String",
            description=None,
            allowed_pattern=None,
            keyid=None,
            last_modified_date=changed,
            version=1,
            data_type="aws:ec2:image" if "canonical" in name else "text",
        )
        dict.setdefault(store, name, []).append(value)
