"""What costs and what is allowed: quotas, prices, spot, the account's plan, the ledger."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

import pytest

from tests.behaviour.demo.aws_clients import Aws, eventually, refusal
from tests.behaviour.demo.aws_contract import API, ERRORS, QUOTAS, UNCONFIRMED, contract

P, G = "L-417A185B", "L-DB2E81BA"
PRICING = "https://docs.aws.amazon.com/aws-cost-management/latest/APIReference/API_pricing_GetProducts.html"


@contract(UNCONFIRMED)
def test_a_quota_of_zero_refuses_with_its_number(aws: Aws) -> None:
    """Where nobody asked for GPUs yet, VcpuLimitExceeded holds the limit."""
    code, status, message = refusal(aws.launch, region="eu-west-1", InstanceType="g4dn.xlarge")
    assert (code, status) == ("VcpuLimitExceeded", 400)
    assert "current vCPU limit of 0 allows" in message


@contract(UNCONFIRMED)
def test_the_quota_counts_the_vcpus_of_what_runs(aws: Aws) -> None:
    """With a limit of 8, two g4dn.xlarge fit, a third does not, until one was terminated."""
    aws.ask("quota", {"region": "us-west-2", "code": G, "value": 8})
    first = aws.running(InstanceType="g4dn.xlarge")
    aws.running(InstanceType="g4dn.xlarge")
    assert refusal(aws.launch, InstanceType="g4dn.xlarge")[0] == "VcpuLimitExceeded"
    aws("ec2").terminate_instances(InstanceIds=[first["InstanceId"]])
    aws.until(first["InstanceId"], "terminated")
    aws.launch(InstanceType="g4dn.xlarge")


@contract(ERRORS)
def test_a_spot_quota_of_zero_has_its_own_refusal(aws: Aws) -> None:
    """On the spot market it is MaxSpotInstanceCountExceeded."""
    wish = {"InstanceType": "g4dn.xlarge", "InstanceMarketOptions": {"MarketType": "spot"}}
    assert refusal(aws.launch, region="eu-west-1", **wish)[0] == "MaxSpotInstanceCountExceeded"


@contract(QUOTAS + "GetServiceQuota.html")
def test_quotas_are_read_by_code_and_listed(either: Aws) -> None:
    """GetServiceQuota and ListServiceQuotas agree; AWS's default for P is 0."""
    quotas = either("service-quotas")
    one = quotas.get_service_quota(ServiceCode="ec2", QuotaCode=P)["Quota"]
    listed = {
        row["QuotaCode"]: row
        for page in quotas.get_paginator("list_service_quotas").paginate(ServiceCode="ec2")
        for row in page["Quotas"]
    }
    assert listed[P]["Value"] == one["Value"]
    assert one["QuotaName"] == "Running On-Demand P instances"
    assert quotas.get_aws_default_service_quota(ServiceCode="ec2", QuotaCode=P)["Quota"]["Value"] == 0
    unknown = refusal(quotas.get_service_quota, ServiceCode="ec2", QuotaCode="L-00000000")
    assert unknown[0] == "NoSuchResourceException"


@contract(QUOTAS + "RequestServiceQuotaIncrease.html")
def test_a_request_is_pending_then_approved_then_in_force(aws: Aws) -> None:
    """Asking for more is PENDING, a second ask is refused, approval changes the quota and lets a launch through."""
    quotas = aws("service-quotas", "eu-west-1")
    aws.ask("settings", {"quota_approval_s": 0.5})
    made = quotas.request_service_quota_increase(ServiceCode="ec2", QuotaCode=G, DesiredValue=4)["RequestedQuota"]
    assert made["Status"] == "PENDING"
    again = refusal(quotas.request_service_quota_increase, ServiceCode="ec2", QuotaCode=G, DesiredValue=8)
    assert again[0] == "ResourceAlreadyExistsException"
    eventually(
        lambda: quotas.get_requested_service_quota_change(RequestId=made["Id"])["RequestedQuota"]["Status"],
        lambda status: status == "APPROVED",
        "the request is approved",
    )
    history = quotas.list_requested_service_quota_change_history_by_quota(ServiceCode="ec2", QuotaCode=G)
    assert [row["DesiredValue"] for row in history["RequestedQuotas"]] == [4]
    assert quotas.get_service_quota(ServiceCode="ec2", QuotaCode=G)["Quota"]["Value"] == 4
    aws.launch(region="eu-west-1", InstanceType="g4dn.xlarge")
    less = refusal(quotas.request_service_quota_increase, ServiceCode="ec2", QuotaCode=G, DesiredValue=1)
    assert less[0] == "IllegalArgumentException"


@contract(PRICING)
@pytest.mark.parametrize(("itype", "usd"), [("g4dn.xlarge", 0.526), ("p2.xlarge", 0.9), ("p3.2xlarge", 3.06)])
def test_the_price_list_has_the_on_demand_price(either: Aws, itype: str, usd: float) -> None:
    """One product for Linux, shared, used, on demand; its price in a JSON document inside a string."""
    fields = {
        "instanceType": itype,
        "regionCode": "us-west-2",
        "operatingSystem": "Linux",
        "tenancy": "Shared",
        "capacitystatus": "Used",
        "preInstalledSw": "NA",
        "marketoption": "OnDemand",
    }
    wish = [{"Type": "TERM_MATCH", "Field": field, "Value": value} for field, value in fields.items()]
    found = either("pricing", "us-east-1").get_products(ServiceCode="AmazonEC2", Filters=wish)["PriceList"]
    (term,) = json.loads(found[0])["terms"]["OnDemand"].values()
    (dimension,) = term["priceDimensions"].values()
    assert (float(dimension["pricePerUnit"]["USD"]), dimension["unit"]) == (usd, "Hrs")


@contract(PRICING)
def test_prices_differ_by_region(aws: Aws) -> None:
    """The same type costs more in Tokyo than in Oregon."""

    def usd(region: str) -> float:
        wish = [
            {"Type": "TERM_MATCH", "Field": "instanceType", "Value": "p2.xlarge"},
            {"Type": "TERM_MATCH", "Field": "regionCode", "Value": region},
        ]
        found = aws("pricing", "us-east-1").get_products(ServiceCode="AmazonEC2", Filters=wish)["PriceList"]
        (term,) = json.loads(found[0])["terms"]["OnDemand"].values()
        return float(next(iter(term["priceDimensions"].values()))["pricePerUnit"]["USD"])

    assert usd("ap-northeast-1") > usd("us-west-2")


@contract(API + "DescribeSpotPriceHistory.html")
def test_spot_prices_differ_by_zone_and_by_time_and_stay_below_on_demand(aws: Aws) -> None:
    """Three days of g4dn.xlarge: several zones, several prices, all under 0.526."""
    wish = {"InstanceTypes": ["g4dn.xlarge"], "ProductDescriptions": ["Linux/UNIX"]}
    begin = datetime.now(UTC) - timedelta(days=3)
    rows = aws("ec2").describe_spot_price_history(StartTime=begin, **wish)["SpotPriceHistory"]
    newest = aws("ec2").describe_spot_price_history(StartTime=datetime.now(UTC), **wish)["SpotPriceHistory"]
    assert len({row["SpotPrice"] for row in newest}) == len(newest) == len({row["AvailabilityZone"] for row in newest})
    first_zone = [row["SpotPrice"] for row in rows if row["AvailabilityZone"] == "us-west-2a"]
    assert len(set(first_zone)) > 3
    assert max(float(row["SpotPrice"]) for row in rows) < 0.526


@contract(ERRORS)
def test_a_maximum_below_the_spot_price_is_refused(aws: Aws) -> None:
    """SpotMaxPriceTooLow says the price that is needed."""
    options = {"MarketType": "spot", "SpotOptions": {"MaxPrice": "0.0001"}}
    code, _, message = refusal(aws.launch, InstanceType="g4dn.xlarge", InstanceMarketOptions=options)
    assert (code, "price of 0.0001" in message) == ("SpotMaxPriceTooLow", True)


@contract(API + "CancelSpotInstanceRequests.html")
def test_a_spot_request_is_found_cancelled_and_ends_with_its_instance(aws: Aws) -> None:
    """A cancelled request leaves its instance running; a terminated instance closes its request."""
    ec2 = aws("ec2")
    wish = {"InstanceMarketOptions": {"MarketType": "spot"}}
    first, second = aws.running(**wish), aws.running(**wish)
    by_id = {row["InstanceId"]: row for row in ec2.describe_spot_instance_requests()["SpotInstanceRequests"]}
    assert by_id[first["InstanceId"]]["State"] == "active"
    ec2.cancel_spot_instance_requests(SpotInstanceRequestIds=[first["SpotInstanceRequestId"]])
    assert aws.describe(first["InstanceId"])["State"]["Name"] == "running"
    ec2.terminate_instances(InstanceIds=[second["InstanceId"]])
    by_id = {row["InstanceId"]: row for row in ec2.describe_spot_instance_requests()["SpotInstanceRequests"]}
    assert (by_id[first["InstanceId"]]["State"], by_id[second["InstanceId"]]["State"]) == ("cancelled", "closed")


@contract("https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/spot-request-status.html")
def test_a_persistent_request_brings_another_instance_until_it_is_cancelled(aws: Aws) -> None:
    """Terminating the instance of a persistent request is not the end of it; cancelling the request first is."""
    ec2 = aws("ec2")
    options = {"SpotInstanceType": "persistent", "InstanceInterruptionBehavior": "stop"}
    first = aws.running(InstanceMarketOptions={"MarketType": "spot", "SpotOptions": options})
    ec2.terminate_instances(InstanceIds=[first["InstanceId"]])
    alive = [{"Name": "instance-state-name", "Values": ["running"]}]
    found = eventually(lambda: ec2.describe_instances(Filters=alive)["Reservations"], bool, "another instance")
    second = found[0]["Instances"][0]
    assert second["SpotInstanceRequestId"] == first["SpotInstanceRequestId"]
    ec2.cancel_spot_instance_requests(SpotInstanceRequestIds=[first["SpotInstanceRequestId"]])
    ec2.terminate_instances(InstanceIds=[second["InstanceId"]])
    aws.until(second["InstanceId"], "terminated")
    assert ec2.describe_instances(Filters=alive)["Reservations"] == []
    assert len(ec2.describe_instances()["Reservations"]) == 2


@contract("https://docs.aws.amazon.com/awsaccountbilling/latest/aboutv2/free-tier-api.html")
def test_the_accounts_plan_is_told(aws: Aws) -> None:
    """GetAccountPlanState says PAID, or FREE where the settings say so."""
    plan = aws("freetier", "us-east-1").get_account_plan_state
    assert plan()["accountPlanType"] == "PAID"
    aws.ask("settings", {"free_plan": True})
    assert plan()["accountPlanType"] == "FREE"


@contract("https://docs.aws.amazon.com/aws-cost-management/latest/APIReference/API_GetCostAndUsage.html")
def test_cost_and_usage_adds_up_to_the_ledger(aws: Aws) -> None:
    """Today's cost is what the ledger has, and the days before cost nothing."""
    aws.running(InstanceType="g4dn.xlarge")
    today = datetime.now(UTC).date()
    period = {"Start": str(today - timedelta(days=2)), "End": str(today + timedelta(days=1))}
    answer = aws("ce", "us-east-1").get_cost_and_usage(
        TimePeriod=period, Granularity="DAILY", Metrics=["UnblendedCost"]
    )
    spent = [float(row["Total"]["UnblendedCost"]["Amount"]) for row in answer["ResultsByTime"]]
    assert spent[:2] == [0, 0]
    assert spent[2] == pytest.approx(aws.ask("ledger")["cost"], abs=0.001)


@contract("https://aws.amazon.com/ec2/pricing/on-demand/")
def test_the_ledger_shows_what_bills_now_and_what_has_been_spent(aws: Aws) -> None:
    """Running bills instance, address and disk; stopped bills the disk; terminated bills nothing, and cost stays."""
    instance_id = aws.running(InstanceType="p2.xlarge")["InstanceId"]

    def billing() -> set[str]:
        return {row["kind"] for row in aws.ask("ledger")["resources"] if row["billing"]}

    assert billing() == {"instance", "address", "volume"}
    assert aws.ask("ledger")["per_hour"] == pytest.approx(0.9 + 0.005 + 8 * 0.08 / 730)
    aws("ec2").stop_instances(InstanceIds=[instance_id])
    aws.until(instance_id, "stopped")
    assert billing() == {"volume"}
    aws("ec2").terminate_instances(InstanceIds=[instance_id])
    aws.until(instance_id, "terminated")
    assert billing() == set()
    assert aws.ask("ledger")["cost"] >= 0.9 / 60
