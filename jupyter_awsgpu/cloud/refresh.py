"""Making the shipped catalogue anew from AWS's own answers. For who maintains the package; needs credentials.

    python -m jupyter_awsgpu.cloud.refresh [--region us-east-1 …] [--into FOLDER]

Reads DescribeInstanceTypes, DescribeInstanceTypeOfferings and the price list; writes `types.json` and
`prices.json`. What AWS publishes nowhere (`retired.json`) stays as it is, and so does a region that
does not answer.
"""

from __future__ import annotations

import argparse
import json
import sys
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from jupyter_awsgpu.cloud import catalogue, prices, types
from jupyter_awsgpu.cloud.clouds import Clouds
from jupyter_awsgpu.errors import AwsGpuError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from jupyter_awsgpu.cloud.cloud import Cloud
    from jupyter_awsgpu.model import InstanceType, Price

BESIDE = (
    "t2.micro",
    "t3.micro",
    "t3.small",
    "t3.medium",
    "t3.large",
    "m5.large",
    "m7i.large",
    "c7i.large",
    "c7i.xlarge",
)
"""Types without an accelerator that the catalogue knows all the same: for trying things out."""

LIVE = "live"
"""The key of the source that this program itself is."""

Offered = tuple[tuple["InstanceType", ...], dict[str, "Price"]]


class _Nothing:
    """A memory that keeps nothing: what is written must be of today."""

    def get(self, key: str, max_age_s: float) -> Any | None:
        """Know nothing."""

    def put(self, key: str, value: object) -> None:
        """Forget it."""


NOT_SHIPPED = ("name", "retired", "successor", "placement")
"""What a type's row leaves out: its key, what stands in `retired.json`, and what only a launch asks, of EC2 itself."""


def offered(cloud: Cloud) -> Offered:
    """Return a region's types with their on-demand prices, all from the price list."""
    place = cloud.place
    names = set(types.offered_names(place))
    found = (*types.accelerated(place), *(types.instance_type(place, name) for name in BESIDE if name in names))
    live = prices.prices(place, (one.name for one in found))
    return found, {name: price for name, price in live.items() if price.source == "price list"}


def types_document(answers: Mapping[str, Offered], today: str) -> dict[str, Any]:
    """Return `types.json`: every type with the regions that have it."""
    before = catalogue.document("types")
    rows: dict[str, dict[str, Any]] = {}
    for region, (found, _) in sorted(answers.items()):
        for one in found:
            row = rows.setdefault(one.name, _row(one))
            row["regions"].append(region)
    return {
        **before,
        "source": "EC2 DescribeInstanceTypes and DescribeInstanceTypeOfferings",
        "as_of": today,
        "types": dict(sorted(rows.items())),
    }


def _row(one: InstanceType) -> dict[str, Any]:
    fields = {key: value for key, value in asdict(one).items() if key not in NOT_SHIPPED}
    return {**fields, "regions": []}


def prices_document(answers: Mapping[str, Offered], today: str) -> dict[str, Any]:
    """Return `prices.json`: the regions that answered with today's prices, the others as they were."""
    before = catalogue.document("prices")
    rows = dict(before["regions"])
    for region, (_, found) in answers.items():
        if found:
            listed = {name: [price.per_hour, LIVE] for name, price in sorted(found.items())}
            rows[region] = {"currency": next(iter(found.values())).currency, "types": listed}
    live = {"source": "AWS price list API, GetProducts", "as_of": today}
    return {
        **before,
        "as_of": today,
        "sources": {**before["sources"], LIVE: live},
        "regions": dict(sorted(rows.items())),
    }


def write(folder: Path, name: str, document: Mapping[str, Any]) -> Path:
    """Write one document of the catalogue."""
    path = folder / f"{name}.json"
    path.write_text(json.dumps(document, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    return path


def refresh(clouds: Clouds, regions: Iterable[str] | None, folder: Path) -> tuple[list[Path], dict[str, AwsGpuError]]:
    """Ask every region and write the documents; return the files and what regions refused.

    Raises the first refusal where no region answered.
    """
    answers, refused = {}, {}
    for region, answer in clouds.each(regions, offered).items():
        if isinstance(answer, AwsGpuError):
            refused[region] = answer
        else:
            answers[region] = answer
    if not answers:
        raise next(iter(refused.values()))
    today = datetime.now(UTC).date().isoformat()
    written = [
        write(folder, "types", types_document(answers, today)),
        write(folder, "prices", prices_document(answers, today)),
    ]
    return written, refused


def main(arguments: Sequence[str] | None = None) -> int:
    """Refresh the catalogue with the credentials boto3 finds."""
    parser = argparse.ArgumentParser(prog="python -m jupyter_awsgpu.cloud.refresh", description=__doc__)
    parser.add_argument("--profile", help="the AWS profile to ask with")
    parser.add_argument("--region", action="append", help="a region to ask; every enabled one without it")
    parser.add_argument("--into", type=Path, default=Path(__file__).parent / "data", help="the folder to write into")
    options = parser.parse_args(arguments)
    clouds = Clouds(profile=options.profile, region=(options.region or [None])[0], cache=_Nothing())
    try:
        written, refused = refresh(clouds, options.region, options.into)
    except AwsGpuError as exc:
        sys.stderr.write(f"{exc}\n{exc.remedy}\n")
        return exc.exit_status
    for region, error in refused.items():
        sys.stderr.write(f"{region}: {error}\n")
    sys.stdout.write("\n".join(map(str, written)) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
