"""Spot requests after their launch: described, cancelled, ended with their instance."""

from __future__ import annotations

from jupyter_awsgpu.demo.aws.operations import Call, operation
from jupyter_awsgpu.demo.aws.wire import Refusal


@operation("RequestSpotInstances")
def request_spot_instances(_call: Call) -> object:
    """Refuse the legacy way (EC2 user guide: "we strongly discourage" it; RunInstances does the same)."""
    raise Refusal("UnsupportedOperation", "The simulated AWS sells spot instances through RunInstances only.")


@operation("CancelSpotInstanceRequests")
def cancel_spot_instance_requests(call: Call) -> object:
    """Cancel requests; the instances they brought run on."""
    asked = call.get("SpotInstanceRequestIds", [])
    requests = call.backend.spot_instance_requests
    for one in asked:
        if one not in requests:
            raise Refusal(
                "InvalidSpotInstanceRequestID.NotFound", f"The spot instance request ID '{one}' does not exist"
            )
    call.end_dry_run()
    for one in asked:
        running = requests[one].instance.state not in ("terminated", "shutting-down")
        requests[one].close(
            "cancelled", "request-canceled-and-instance-running" if running else "canceled-before-fulfillment"
        )
    return {"CancelledSpotInstanceRequests": [{"SpotInstanceRequestId": one, "State": "cancelled"} for one in asked]}


@operation("DescribeSpotInstanceRequests")
def describe_spot_instance_requests(call: Call) -> object:
    """List requests, by id and by filter."""
    asked, requests = call.get("SpotInstanceRequestIds", []), call.backend.spot_instance_requests
    for one in asked:
        if one not in requests:
            raise Refusal(
                "InvalidSpotInstanceRequestID.NotFound", f"The spot instance request ID '{one}' does not exist"
            )
    call.end_dry_run()
    from moto.ec2.utils import generic_filter

    rows = [one for one in requests.values() if not asked or one.id in asked]
    return {"SpotInstanceRequests": generic_filter(call.filters(), rows) if call.filters() else rows}
