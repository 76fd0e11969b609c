"""Files at ~/data outlive their instance; a resize keeps disk and files; terminate names what is lost."""

from __future__ import annotations


def test_data_outlive_the_instance_and_a_resize(awsgpu) -> None:
    """Written at ~/data, found by the next instance of the name, there after it became another type."""
    answer = awsgpu("launch", "p2.xlarge", "--data", "50", "--yes", "--no-open")
    assert answer.status == 0, answer.err
    volume = answer.document["data_volume"]
    assert (volume["gb"], volume["per_month"]) == (50, 4.0)
    awsgpu("ssh", "gpu", "--", "echo kept > ~/data/model.pt; echo lost > ~/work/notes.txt")

    asked = awsgpu("terminate", "gpu").error
    assert asked["error"] == "needs-yes"
    assert "notes.txt" in asked["message"]
    assert f"Its data volume {volume['volume_id']} of 50 GB stays, for $4.00 a month" in asked["message"]
    assert awsgpu("terminate", "gpu", "--yes").status == 0

    answer = awsgpu("launch", "p2.xlarge", "--yes", "--no-open")
    assert answer.status == 0, answer.err
    assert awsgpu("ssh", "gpu", "--", "cat", "data/model.pt", "work/data/model.pt").out.split() == ["kept", "kept"]

    answer = awsgpu("resize", "gpu", "--type", "p2.8xlarge", "--disk", "90", "--yes")
    assert answer.status == 0, answer.err
    (box,) = awsgpu("status").document
    assert (box["instance_type"], box["root_gb"], box["price_per_hour"]) == ("p2.8xlarge", 90, 7.2)
    assert box["data_volume"]["volume_id"] == volume["volume_id"]
    assert awsgpu("ssh", "gpu", "--", "cat", "data/model.pt").out.strip() == "kept"
    config = awsgpu("ssh", "gpu", "--", "sudo", "cat", "/etc/awsgpu/config.json").out
    assert '"price_per_hour": 7.2' in config  # its guest counts a budget by the new price
    awsgpu("terminate", "gpu", "--yes")
    assert awsgpu("cleanup", "--id", volume["volume_id"], "--yes").status == 0
