"""AWS in one region, as the verbs see it: every question and every act, each in a module of its own."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from jupyter_awsgpu.cloud.later import Later
from jupyter_awsgpu.cloud.parallel import parallel
from jupyter_awsgpu.errors import AwsGpuError, AwsRefused, ImageNotFound, QuotaTooLow, SpotQuotaTooLow

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from datetime import datetime

    from jupyter_awsgpu.cloud import (
        catalogue,
        images,
        instances,
        keys,
        launching,
        leftovers,
        lifecycle,
        network,
        offers,
        prices,
        quotas,
        request,
        schedules,
        storage,
        types,
        watch,
    )
    from jupyter_awsgpu.cloud.clouds import Clouds
    from jupyter_awsgpu.cloud.network import Subnet
    from jupyter_awsgpu.cloud.place import Place
    from jupyter_awsgpu.cloud.request import ByPrice, Market, Request
    from jupyter_awsgpu.cloud.watch import Watch
    from jupyter_awsgpu.model import (
        Image,
        Instance,
        InstanceState,
        InstanceType,
        Leftover,
        Offer,
        Price,
        Quota,
        Volume,
        Wishes,
    )


else:
    catalogue, images, instances, keys, launching = map(
        Later, ("catalogue", "images", "instances", "keys", "launching")
    )
    leftovers, lifecycle, network, offers, prices = map(
        Later, ("leftovers", "lifecycle", "network", "offers", "prices")
    )
    quotas, request, schedules, storage = map(Later, ("quotas", "request", "schedules", "storage"))
    types, watch = map(Later, ("types", "watch"))

NO_KEY_PAIR = "InvalidKeyPair.NotFound"
"""What RunInstances answers where the key pair has gone since it was last seen."""


class Cloud:
    """One region of AWS. Made by `Clouds.here`; safe to use from several threads."""

    def __init__(self, clouds: Clouds, place: Place) -> None:
        self.clouds = clouds
        self.place = place

    @property
    def region(self) -> str:
        """The region's name."""
        return self.place.region

    @property
    def currency(self) -> str:
        """The currency that AWS bills in here."""
        return "CNY" if self.place.session.partition(self.region) == "aws-cn" else "USD"

    # ── choosing ─────────────────────────────────────────────────────────────────────────────

    def instance_type(self, name: str) -> InstanceType:
        """Return a type, a retired one with its successor. Raises `UnknownType` with the nearest names."""
        return types.instance_type(self.place, name)

    def zones(self) -> tuple[str, ...]:
        """Return the region's zones."""
        return types.zones(self.place)

    def zones_offering(self, type_name: str) -> tuple[str, ...]:
        """Return the zones that offer a type, none if the region does not."""
        return types.zones_offering(self.place, type_name)

    def require_offered(self, type_name: str) -> None:
        """Raise `TypeNotOffered`, with what to take instead, unless the region offers the type."""
        types.require_offered(self.place, type_name)

    def image(self, wish: str | None, itype: InstanceType) -> Image:
        """Return the image a wish means for a type. Raises `ImageNotFound`, `ImageUnsuitable`."""
        return images.image(self.place, wish, itype)

    def public_image_id(self, wish: str | None, itype: InstanceType) -> str | None:
        """Return the id of the public image a wish means, sooner than the image itself; None for other wishes."""
        return images.public_id(self.place, wish, itype)

    def image_of(self, instance: Instance) -> Image:
        """Return the image an instance was made from. Raises `ImageNotFound`, also for one deleted since."""
        return images.by_id(self.place, instance.image_id)

    def images(self) -> tuple[Image, ...]:
        """Return the images a launch understands here, one's own among them."""
        return images.images(self.place)

    def price(self, type_name: str) -> Price | None:
        """Return the on-demand price an hour, live or from the catalogue; None where nobody knows it."""
        return prices.price(self.place, type_name)

    def spot_price(self, type_name: str, zone: str | None = None) -> Price | None:
        """Return the lowest spot price an hour, in the region or one zone; None where there is none."""
        return prices.spot_price(self.place, type_name, zone)

    def disk_price(self) -> float | None:
        """Return the price of a GB of gp3 disk a month."""
        return prices.disk_price(self.place)

    def snapshot_price(self) -> float | None:
        """Return the price of a GB of snapshot a month."""
        return prices.snapshot_price(self.place)

    def address_price(self) -> float | None:
        """Return the price of a public IPv4 address an hour."""
        return prices.address_price(self.place)

    def quota(self, itype: InstanceType, *, spot: bool = False) -> Quota | None:
        """Return the vCPU quota that counts a type, with its use; None where it could not be asked."""
        return quotas.quota(self.place, itype, spot=spot)

    def room(self, itype: InstanceType, *, spot: bool = False, count: int = 1) -> Quota | None:
        """Return the same for a launch of `count` about to be made: a limit that suffices may be a day old."""
        return quotas.room(self.place, itype, spot=spot, count=count)

    def request_quota(self, itype: InstanceType, vcpus: int, *, spot: bool = False) -> Quota:
        """Ask AWS to raise that quota to `vcpus` and return it with the request's status."""
        return quotas.request_quota(self.place, itype, vcpus, spot=spot)

    def offers(self, *, include_retired: bool = False) -> tuple[Offer, ...]:
        """Return every accelerated type the region offers, with prices; retired types too when asked."""
        return offers.offers(self.place, include_retired=include_retired)

    def offer(self, itype: InstanceType, *, spot: bool) -> Offer | None:
        """Return the region's offer of a type, with the time one way and back takes; None if it has none."""
        return offers.offer(self.place, itype, spot=spot)

    # ── access ───────────────────────────────────────────────────────────────────────────────

    def default_vpc(self, account: str | None = None) -> str:
        """Return the default VPC's id; for a named account it may be a day old. Raises `NoDefaultVpc`."""
        return network.default_vpc(self.place) if account is None else network.usual_vpc(self.place, account)

    def subnet(self, subnet_id: str) -> Subnet:
        """Return a subnet that has an address left. Raises `NoSubnet`."""
        return network.subnet(self.place, subnet_id)

    def require_group(self, group_id: str, vpc_id: str) -> None:
        """Raise `GroupMissing` unless the security group exists, in that VPC."""
        network.require_group(self.place, group_id, vpc_id)

    def ensure_key_pair(self, key_name: str, public_key: str, tags: Mapping[str, str]) -> str:
        """Return the key pair's name, imported if it was missing. Raises `KeyPairTaken`."""
        return keys.ensure_key_pair(self.place, key_name, public_key, tags)

    def look_ahead(self, *, owner: str, key_name: str, group_name: str) -> tuple[bool, bool]:
        """Ask for key pair and group of a presumed owner, so that the two `ensure_…` ask nothing more.

        Returns whether each is there, as far as could be asked. Read-only, and for whoever asks with
        another name or owner it was never asked. Refusals are left to the calls that need the answers.
        """
        with parallel(2) as pool:
            asked = (
                pool.submit(keys.look_ahead, self.place, key_name),
                pool.submit(network.look_ahead, self.place, group_name, owner),
            )
        there = []
        for one in asked:
            error = one.exception()
            if error is not None and not isinstance(error, AwsGpuError):
                raise error
            there.append(error is None and one.result())
        return there[0], there[1]

    def delete_key_pair(self, key_name: str) -> None:
        """Remove a key pair."""
        keys.delete_key_pair(self.place, key_name)

    def ensure_security_group(
        self,
        group_name: str,
        tags: Mapping[str, str],
        *,
        vpc_id: str | None = None,
        allow_from: tuple[str, ...],
        client_id: str,
        ssh_port: int = 22,
    ) -> str:
        """Return the id of the owner's group, with this client's rules as `allow_from` says."""
        return network.ensure_security_group(
            self.place,
            group_name,
            tags,
            vpc_id=vpc_id,
            allow_from=allow_from,
            client_id=client_id,
            ssh_port=ssh_port,
        )

    def renew_ingress(
        self, group_ids: Iterable[str], *, owner: str, allow_from: tuple[str, ...], client_id: str, ssh_port: int = 22
    ) -> None:
        """Replace this client's rules in those of the groups that are the owner's."""
        network.renew_ingress(
            self.place, group_ids, owner=owner, allow_from=allow_from, client_id=client_id, ssh_port=ssh_port
        )

    def ensure_nodes_group(self, group_name: str, tags: Mapping[str, str], *, vpc_id: str | None = None) -> str:
        """Return the id of the owner's group for the machines of clusters, who may reach one another by it."""
        return network.ensure_nodes_group(self.place, group_name, tags, vpc_id=vpc_id)

    def ensure_placement_group(self, group_name: str, tags: Mapping[str, str]) -> None:
        """Have a placement group by which machines stand close together."""
        network.ensure_placement_group(self.place, group_name, tags)

    def delete_placement_group(self, group_name: str) -> None:
        """Remove a placement group; one that is gone is fine. Raises `AwsRefused` while machines are in it."""
        network.delete_placement_group(self.place, group_name)

    def delete_security_group(self, group_id: str, *, timeout_s: float = 300.0) -> None:
        """Remove a group, waiting while an instance that is going still holds it."""
        network.delete_security_group(self.place, group_id, timeout_s=timeout_s)

    # ── instances ────────────────────────────────────────────────────────────────────────────

    def instances(
        self,
        *,
        owner: str | None = None,
        name: str | tuple[str, ...] | None = None,
        launch_id: str | None = None,
        client_token: str | None = None,
        include_terminated: bool = False,
    ) -> tuple[Instance, ...]:
        """Return the instances that carry our tags; without `owner`, everybody's."""
        return instances.instances(
            self.place,
            owner=owner,
            name=name,
            launch_id=launch_id,
            client_token=client_token,
            include_terminated=include_terminated,
        )

    def watch(self) -> Watch:
        """Return what awaits many instances at once."""
        return watch.Watch(self.place)

    def instance(self, instance_id: str) -> Instance:
        """Return a living instance. Raises `InstanceGone`."""
        return instances.instance(self.place, instance_id)

    def launch_request(
        self,
        *,
        wishes: Wishes,
        image: Image,
        zone: str | None,
        key_name: str,
        group_ids: Sequence[str],
        user_data: bytes,
        client_token: str,
        tags: Mapping[str, str],
        price: Price | None = None,
        placement_group: str | None = None,
    ) -> Request:
        """Return the RunInstances request of a launch: plain data to journal, then to send."""
        has = dict(tags)
        if price is not None:
            has.setdefault("jupyter-awsgpu:price", f"{price.per_hour:g} {price.currency}")
        return request.launch_request(
            wishes=wishes,
            image=image,
            zone=zone,
            key_name=key_name,
            group_ids=group_ids,
            user_data=user_data,
            client_token=client_token,
            has=has,
            placement_group=placement_group,
        )

    def in_zone(
        self,
        request_: Request,
        zone: str | None,
        *,
        market: Market,
        client_token: str,
        by_price: ByPrice | None = None,
    ) -> Request:
        """Return a copy of a request for one zone and market, with its own token and what hangs on the price there."""
        price = None
        if market == "spot" or "InstanceMarketOptions" in request_:
            price = self._price_in(request_["InstanceType"], zone, market)
        return request.in_zone(request_, zone, market=market, client_token=client_token, price=price, by_price=by_price)

    def _price_in(self, name: str, zone: str | None, market: Market) -> Price | None:
        """Return the price of one market: each zone's spot price is its own; unknown, it is on demand at most."""
        spot = self.spot_price(name, zone) if market == "spot" else None
        return spot or self.price(name)

    def run(self, request_: Mapping[str, Any]) -> tuple[Instance, ...]:
        """Send the request once. Raises `NoCapacity`, `QuotaTooLow` and whatever else AWS answers."""
        try:
            return launching.run(self.place, request_, self._launch_facts(request_))
        except ImageNotFound:
            images.forget(self.place, str(request_["ImageId"]))
            raise
        except (QuotaTooLow, SpotQuotaTooLow):
            quotas.forget(self.place)
            raise
        except AwsRefused as exc:
            if exc.facts.get("aws_code") == NO_KEY_PAIR:
                keys.forget(self.place, str(request_["KeyName"]))
            raise

    def denials(self, request_: Mapping[str, Any], tags: Mapping[str, str]) -> dict[str, AwsGpuError]:
        """Return what would be denied, asked by DryRun: of the `launch`, of a `key pair` and of a `group` so tagged.

        `request_` may name a key pair and groups that do not exist yet: the question is asked without them.
        """
        return launching.denials(self.place, request_, tags)

    def _launch_facts(self, request_: Mapping[str, Any]) -> dict[str, object]:
        """Return what fills the messages of a refused launch, all of it known already."""
        name = str(request_["InstanceType"])
        known = self.place.known(f"type/{name}")
        row = catalogue.instance_type(name)
        vcpus = known["vcpus"] if known else row.vcpus if row else 0
        disk = request_.get("BlockDeviceMappings", [{}])[0].get("Ebs", {}).get("VolumeSize")
        options = request_.get("InstanceMarketOptions", {}).get("SpotOptions", {})
        return {
            "instance_type": name,
            "vcpus": vcpus * int(request_.get("MaxCount", 1)),
            "image": request_.get("ImageId"),
            "disk_gb": disk,
            "max_price": options.get("MaxPrice"),
            "key_name": request_.get("KeyName"),
        }

    def wait_for(self, instance_id: str, states: set[InstanceState], *, timeout_s: float) -> Instance:
        """Return the instance once it is in one of the states. Raises `InstanceGone`, `WrongState`."""
        return lifecycle.wait_for(self.place, instance_id, states, timeout_s=timeout_s)

    def wait_for_all(
        self, instance_ids: Sequence[str], states: set[InstanceState], *, timeout_s: float
    ) -> tuple[Instance, ...]:
        """Return the instances once all are in one of the states. Raises `InstanceGone`, `WrongState`."""
        return lifecycle.wait_for_all(self.place, instance_ids, states, timeout_s=timeout_s)

    def stop(self, *instance_ids: str) -> None:
        """Ask EC2 to stop instances. Raises `WrongState`."""
        lifecycle.stop(self.place, *instance_ids)

    def start(self, *instance_ids: str) -> None:
        """Ask EC2 to start instances. Raises `NoCapacity`, `QuotaTooLow`, `WrongState`."""
        lifecycle.start(self.place, *instance_ids)

    def terminate(self, *instance_ids: str) -> None:
        """Ask EC2 to end instances."""
        lifecycle.terminate(self.place, *instance_ids)

    def set_shutdown_behaviour(self, instance_id: str, behaviour: str) -> None:
        """Set what a shutdown from inside does: `stop` or `terminate`."""
        lifecycle.set_shutdown_behaviour(self.place, instance_id, behaviour)

    def set_instance_type(self, instance_id: str, type_name: str) -> None:
        """Give a stopped instance another type."""
        lifecycle.set_instance_type(self.place, instance_id, type_name)

    def tag(self, instance_id: str, tags: Mapping[str, str]) -> None:
        """Write tags on an instance that exists."""
        lifecycle.tag(self.place, instance_id, tags)

    def console_output(self, instance_id: str) -> str:
        """Return what the instance has printed on its console."""
        return lifecycle.console_output(self.place, instance_id)

    # ── what outlives an instance ────────────────────────────────────────────────────────────

    def create_image(
        self,
        instance_id: str,
        name: str,
        tags: Mapping[str, str],
        *,
        without: Iterable[str] = (),
        reboot: bool = True,
    ) -> str:
        """Ask EC2 for an image of the instance, its devices `without` left out, and return its id."""
        return storage.create_image(self.place, instance_id, name, tags, without, reboot=reboot)

    def image_progress(self, image_id: str) -> tuple[str, float]:
        """Return an image's state in EC2's word, and how much of it is copied (0 to 1)."""
        return storage.image_progress(self.place, image_id)

    def copy_image(
        self, image_id: str, from_region: str, name: str, tags: Mapping[str, str], *, client_token: str | None = None
    ) -> str:
        """Copy an image from another region to here and return the copy's id."""
        return storage.copy_image(self.place, image_id, from_region, name, tags, client_token=client_token)

    def image_named(self, name: str) -> Image | None:
        """Return the account's image of that name here, if there is one, in whatever state."""
        return images.named(self.place, name)

    def own_images(self) -> tuple[Image, ...]:
        """Return the account's images that carry our tags, newest first."""
        return images.own(self.place)

    def delete_image(self, image_id: str) -> None:
        """Remove an image of ours and its snapshots."""
        storage.delete_image(self.place, image_id)

    def volumes(self, owner: str, name: str | None = None) -> tuple[Volume, ...]:
        """Return the owner's volumes."""
        return storage.volumes(self.place, owner, name)

    def create_volume(
        self,
        zone: str,
        gb: int,
        tags: Mapping[str, str],
        *,
        snapshot_id: str | None = None,
        client_token: str | None = None,
    ) -> str:
        """Make an encrypted volume and return its id; the same token again returns the same volume."""
        return storage.create_volume(self.place, zone, gb, tags, snapshot_id=snapshot_id, client_token=client_token)

    def volume(self, volume_id: str) -> Volume:
        """Return a volume as EC2 has it at this moment."""
        return storage.volume_state(self.place, volume_id)

    def growing(self, volume_id: str) -> str | None:
        """Return how far the last change of a volume is, in EC2's word; None where there never was one."""
        return storage.growing(self.place, volume_id)

    def attach_volume(self, volume_id: str, instance_id: str, device: str) -> None:
        """Attach a volume."""
        storage.attach_volume(self.place, volume_id, instance_id, device)

    def grow_volume(self, volume_id: str, gb: int) -> None:
        """Make a volume larger."""
        storage.grow_volume(self.place, volume_id, gb)

    def delete_volume(self, volume_id: str) -> None:
        """Remove a volume."""
        storage.delete_volume(self.place, volume_id)

    def snapshot_volume(self, volume_id: str, tags: Mapping[str, str]) -> str:
        """Ask EC2 for a snapshot of a volume and return its id."""
        return storage.snapshot_volume(self.place, volume_id, tags)

    def snapshots_of(self, owner: str, volume_id: str) -> tuple[str, ...]:
        """Return the owner's snapshots on the way from a volume to its copy in another zone."""
        return storage.snapshots_of(self.place, owner, volume_id)

    def delete_snapshot(self, snapshot_id: str) -> None:
        """Remove a snapshot."""
        storage.delete_snapshot(self.place, snapshot_id)

    def snapshot_progress(self, snapshot_id: str) -> tuple[str, float]:
        """Return a snapshot's state in EC2's word, and how much of it is copied (0 to 1)."""
        return storage.snapshot_progress(self.place, snapshot_id)

    # ── the guard outside the machine ────────────────────────────────────────────────────────

    def ensure_schedules(self, group: str, tags: Mapping[str, str]) -> None:
        """Have the owner's group of schedules."""
        schedules.ensure_group(self.place, group, tags)

    def schedule(
        self,
        *,
        group: str,
        name: str,
        role: str,
        at: datetime,
        act: schedules.Act,
        about: str,
        instance_ids: Sequence[str] = (),
    ) -> None:
        """Make or change the schedule that ends instances; without any it is switched off."""
        schedules.put(
            self.place, group=group, name=name, role=role, at=at, act=act, instance_ids=instance_ids, about=about
        )

    def unschedule(self, group: str, name: str) -> None:
        """Remove a schedule."""
        schedules.remove(self.place, group, name)

    def schedule_names(self, group: str) -> tuple[str, ...]:
        """Return the names of a group's schedules."""
        return schedules.names(self.place, group)

    # ── what is left ─────────────────────────────────────────────────────────────────────────

    def leftovers(self, owner: str) -> tuple[Leftover, ...]:
        """Return everything of the owner's here that costs or clutters."""
        return leftovers.leftovers(self.place, owner)

    def remove(self, leftover: Leftover) -> None:
        """Remove one leftover for good, once its tags have been seen to be ours."""
        leftovers.remove(self.place, leftover)
