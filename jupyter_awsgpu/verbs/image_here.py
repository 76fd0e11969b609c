"""One's own image where the launch is: copied from the region it lies in, said with its price, waited for."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from jupyter_awsgpu.cloud import image_lines as lines
from jupyter_awsgpu.errors import AwsGpuError, ImageNotFound, NeedsYes
from jupyter_awsgpu.verbs.access import resource_tags
from jupyter_awsgpu.verbs.data import dollars
from jupyter_awsgpu.verbs.image import wait_until_available

if TYPE_CHECKING:
    from jupyter_awsgpu.cloud import Cloud
    from jupyter_awsgpu.model import Image, Wishes
    from jupyter_awsgpu.records import Operation
    from jupyter_awsgpu.verbs.choice import Choice
    from jupyter_awsgpu.verbs.workbench import Workbench


def lies_elsewhere(bench: Workbench, wishes: Wishes) -> Image | None:
    """Return one's own newest image of the wish, by name or id, in whatever other region it lies in."""
    wish = wishes.image
    if wish is None or (not wish.startswith("ami-") and lines.is_public(wish)):
        return None
    here = bench.cloud(wishes.region).region
    owner = bench.clouds.identity().owner
    answers = bench.clouds.each(None, lambda cloud: cloud.own_images())
    found = [
        one
        for region, answer in answers.items()
        if region != here and not isinstance(answer, AwsGpuError)
        for one in answer
        if wish in (one.name, one.image_id) and one.owner in (None, owner)
    ]
    return max(found, key=lambda one: str(one.created), default=None)


def per_month_of_copy(cloud: Cloud, source: Image) -> float | None:
    """Return what the snapshot of a copy costs a month at most, in the region's currency."""
    price = cloud.snapshot_price()
    return None if price is None else price * source.root_gb


def bring_image(bench: Workbench, wishes: Wishes, refusal: ImageNotFound, operation: Operation, *, yes: bool) -> Wishes:
    """Copy the image that the region lacks from where it lies, wait for it, and return the wishes for the copy.

    Raises the `refusal` where it lies nowhere, and `NeedsYes` with what the copy costs.
    """
    source = lies_elsewhere(bench, wishes)
    if source is None:
        raise refusal
    cloud = bench.cloud(wishes.region)
    month = dollars(per_month_of_copy(cloud, source))
    if not yes:
        what = (
            f"The image {source.name} lies in {source.region}; a copy in {cloud.region} ({source.root_gb} GB) costs "
            f"{month} at most until you delete it, and its way there is billed as traffic."
        )
        raise NeedsYes(what=what, command=f"awsgpu launch {wishes.instance_type} --image {source.name}", verb="launch")
    with operation.step("copy", f"Copying the image {source.name} from {source.region}") as step:
        more = {"name": source.name, "made-of": source.image_id, "user": source.user}
        has = {"Name": f"awsgpu-{source.name}", **resource_tags(bench.clouds.identity(), **more)}
        token = f"copy-{source.image_id}-{cloud.region}"
        image_id = cloud.copy_image(source.image_id, source.region, source.name, has, client_token=token)
        step.say(f"{image_id} is on its way to {cloud.region}, for {month} at most")
    wait_until_available(cloud, image_id, source.name, operation)
    return replace(wishes, image=source.name)


def require_ready(choice: Choice, operation: Operation) -> None:
    """Wait for an image of one's own that is still being made or copied: a launch that was cut off left it so."""
    if choice.image.kind == "own" and choice.cloud.image_progress(choice.image.image_id)[0] == "pending":
        wait_until_available(choice.cloud, choice.image.image_id, choice.image.name, operation)
