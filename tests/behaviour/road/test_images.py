"""An image keeps the work and none of the identity; the original goes only when a copy has answered."""

from __future__ import annotations

from jupyter_awsgpu.demo import client


def identity(awsgpu):
    """Return what tells one machine from another: its token, its SSH host key."""
    key = awsgpu("ssh", "gpu", "--", "cat", "/etc/ssh/ssh_host_ed25519_key.pub")
    return awsgpu("token").document["token"], key.out.split()[1]


def test_an_image_keeps_the_work_and_not_the_identity(awsgpu):
    """What lay in the home folder is there after a launch from the image; token and host key are new."""
    awsgpu("launch", "p2.xlarge", "--yes", "--no-open")
    awsgpu("ssh", "gpu", "--", "touch", "work/model.pt")
    before = identity(awsgpu)
    answer = awsgpu("image", "gpu", "--name", "trained", "--then-terminate", "--yes")
    assert answer.status == 0, answer.err
    assert awsgpu("status").document == []
    answer = awsgpu("launch", "p2.xlarge", "--image", "trained", "--yes", "--no-open")
    assert answer.status == 0, answer.err
    assert awsgpu("ssh", "gpu", "--", "ls", "work/model.pt").out.strip() == "work/model.pt"
    assert not set(before) & set(identity(awsgpu))
    assert awsgpu("images", "--delete", "trained", "--yes").status == 0


def test_an_image_that_does_not_come_about_costs_nothing_of_the_original(awsgpu, demo):
    """EC2 refuses the image: the original is there, stopped and whole, and starts again."""
    box = awsgpu("launch", "p2.xlarge", "--yes", "--no-open").document
    client.ask(demo, "faults", {"operation": "CreateImage", "code": "InvalidParameterValue", "times": 1})
    answer = awsgpu("image", "gpu", "--then-terminate", "--yes")
    assert answer.status == 1
    (left,) = awsgpu("status").document
    assert (left["instance_id"], left["state"]) == (box["instance_id"], "stopped")
    assert awsgpu("start", "--no-open").document["state"] == "running"


def test_a_copy_that_does_not_boot_keeps_the_original(awsgpu, demo):
    """No throwaway instance can be had: the image is unproven, the original stays, nothing else bills."""
    box = awsgpu("launch", "p2.xlarge", "--yes", "--no-open").document
    client.ask(demo, "faults", {"operation": "RunInstances", "code": "VcpuLimitExceeded", "times": 1})
    answer = awsgpu("image", "gpu", "--name", "unproven", "--then-terminate", "--yes")
    assert answer.error["error"] == "image-unproven"
    assert [(one["instance_id"], one["state"]) for one in awsgpu("status").document] == [
        (box["instance_id"], "stopped")
    ]
    assert awsgpu("images", "--delete", "unproven", "--yes").status == 0
