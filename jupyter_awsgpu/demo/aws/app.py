"""Puts the parts together: moto with our operations on it, the gate in front, the control plane beside."""

from __future__ import annotations

import os
from functools import cache
from typing import TYPE_CHECKING

from jupyter_awsgpu.demo.aws import (
    groups,
    image_operations,
    image_store,
    instances,
    launch,
    offerings,
    operations,
    placement,
    regions,
    schedules,
    spot,
    spot_operations,
    volumes,
)
from jupyter_awsgpu.demo.aws.control import Control
from jupyter_awsgpu.demo.aws.gate import Gate
from jupyter_awsgpu.demo.aws.operations import replace

if TYPE_CHECKING:
    from collections.abc import Callable

    from jupyter_awsgpu.demo.aws.world import World

SUBJECTS = (groups, image_operations, instances, launch, offerings, placement, regions, spot, spot_operations, volumes)
"""The modules whose import registered their operations."""


def build(world: World, end: Callable[[], None]) -> Gate:
    """Return the WSGI application. `end` is called when somebody asks the process to end."""
    os.environ["MOTO_EC2_LOAD_DEFAULT_AMIS"] = "false"  # ours are seeded instead; saves 1.4 s
    os.environ["MOTO_DISABLE_GLOBAL_CORS"] = "true"  # no web page may read what the simulated AWS answers
    from moto.moto_server.werkzeug_app import DomainDispatcherApplication, create_backend_app

    _prepare(world)
    control = Control(world, reset=lambda: reset(world), end=end)
    gate = Gate(world, DomainDispatcherApplication(create_backend_app), control)
    control.calls = gate.calls
    return gate


def _prepare(world: World) -> None:
    from moto.ec2.responses._base_response import EC2BaseResponse
    from moto.ec2.utils import filter_dict_attribute_mapping

    _quicken()
    offerings.extend()
    image_store.install()
    groups.install()
    operations.install(world)
    volumes.install(world)
    schedules.install(world)
    # RunInstances shows the instance's own state: a repeated ClientToken finds it running (moto: always pending).
    EC2BaseResponse.RESPONSE_KEY_PATH_TO_TRANSFORMER.pop("RunInstances.Reservation.Instances.Instance.State", None)
    # Filters of DescribeInstances that moto does not know (EC2 API reference, DescribeInstances).
    filter_dict_attribute_mapping.update(
        {
            "client-token": "client_token",
            "instance-lifecycle": "lifecycle",
            "spot-instance-request-id": "spot_instance_request_id",
            "placement-group-name": "placement.group_name",
            "reason": "state_transition_reason",
            "instance-state-code": "state_code",
            "root-device-name": "root_device_name",
            "metadata-options.http-tokens": "metadata_options.http_tokens",
        }
    )
    warm()


def _quicken() -> None:
    """Let moto find out once what it finds out at every call: its folders, and the names of a class's methods."""
    from moto import backends
    from moto.core import responses
    from moto.core.utils import method_names_from_class

    folders = tuple(backends.list_of_moto_modules())
    replace(backends, "list_of_moto_modules", lambda: folders)
    replace(responses, "method_names_from_class", cache(method_names_from_class))


def warm() -> None:
    """Make the store of the demo's own region now, so that the first call is as fast as the second."""
    from jupyter_awsgpu.demo.aws.operations import store

    store("us-west-2").describe_instance_types()


def reset(world: World) -> None:
    """Start over: no instance, no host, no image, key or group of anybody; settings and faults as new."""
    from moto.moto_api._internal.models import moto_api_backend

    from jupyter_awsgpu.demo.aws.machines import machines
    from jupyter_awsgpu.demo.aws.world import Settings

    with world.lock:
        world.timetable.clear()
        machines(world).clear()
        world.books.clear()
        world.faults.clear()
        world.settings = Settings()
        moto_api_backend.reset()
        machines(world)
        warm()
