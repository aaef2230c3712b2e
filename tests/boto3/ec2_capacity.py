"""EC2: capacity reservations and Capacity Blocks."""

from datetime import datetime, timedelta

from ec2_instances import Ground, image
from ec2_network import by_tag, spec
from harness import check, eventually, fails, pages, untag
from ssm import DLAMI


def reserve(ec2, count=2, kind="c7i.large", **more):
    return ec2.create_capacity_reservation(InstanceType=kind, InstancePlatform="Linux/UNIX", InstanceCount=count,
                                           AvailabilityZone="us-east-1a", **more)["CapacityReservation"]


@check
def reservations(sandbox):
    ground = Ground(sandbox)
    ec2 = ground.ec2
    made = reserve(ec2, InstanceMatchCriteria="targeted", ClientToken="t",
                   TagSpecifications=spec("capacity-reservation", a="1"))
    one = made["CapacityReservationId"]
    assert made["State"] == "active" and made["AvailableInstanceCount"] == 2, made
    assert untag(made["Tags"]) == {"a": "1"} and made["EndDateType"] == "unlimited", made
    again = reserve(ec2, InstanceMatchCriteria="targeted", ClientToken="t",
                    TagSpecifications=spec("capacity-reservation", a="1"))
    assert again["CapacityReservationId"] == one
    fails("IdempotentParameterMismatch", reserve, ec2=ec2, count=3, ClientToken="t")
    target = {"CapacityReservationSpecification": {
        "CapacityReservationTarget": {"CapacityReservationId": one}}}
    launched = ground.launch(**target)["Instances"][0]
    assert launched["CapacityReservationId"] == one, launched
    find = lambda: ec2.describe_capacity_reservations(Filters=by_tag("a", "1"))["CapacityReservations"]
    assert eventually(find)[0]["AvailableInstanceCount"] == 1, find()
    fails("ReservationCapacityExceeded", ground.launch, count=2, **target)
    # A targeted reservation takes nobody who does not name it.
    assert "CapacityReservationId" not in ground.launch()["Instances"][0]
    assert find()[0]["AvailableInstanceCount"] == 1
    assert ec2.cancel_capacity_reservation(CapacityReservationId=one)["Return"] is True
    assert find()[0]["State"] == "cancelled"
    missing = "cr-0123456789abcdef0"
    fails("InvalidCapacityReservationId.NotFound", ec2.cancel_capacity_reservation, CapacityReservationId=missing)
    fails("InvalidCapacityReservationId.NotFound", ec2.describe_capacity_reservations, CapacityReservationIds=[missing])
    for _ in range(5):
        reserve(ec2, 1)
    found = pages(ec2, "describe_capacity_reservations", "CapacityReservations", "MaxResults", 5)
    assert len(found) >= 6, found
    ec2.terminate_instances(InstanceIds=[launched["InstanceId"]])


@check
def open_reservations_take_what_fits(sandbox):
    ground = Ground(sandbox)
    one = reserve(ground.ec2, 1)["CapacityReservationId"]
    assert ground.launch()["Instances"][0]["CapacityReservationId"] == one
    assert "CapacityReservationId" not in ground.launch()["Instances"][0]
    reserve(ground.ec2, 1)
    none = {"CapacityReservationSpecification": {"CapacityReservationPreference": "none"}}
    assert "CapacityReservationId" not in ground.launch(**none)["Instances"][0]
    found = [one["AvailableInstanceCount"] for one in
             eventually(lambda: ground.ec2.describe_capacity_reservations()["CapacityReservations"])]
    assert sorted(found) == [0, 1], found


@check
def reservations_that_end(sandbox):
    ec2 = sandbox.client("ec2")
    now = datetime.fromisoformat(sandbox.control("status")["time"].replace("Z", "+00:00")[:19] + "+00:00")
    reserve(ec2, EndDateType="limited", EndDate=now + timedelta(hours=1))
    eventually(lambda: [one["State"] for one in ec2.describe_capacity_reservations()["CapacityReservations"]] == ["expired"])
    fails("InvalidParameterCombination", reserve, ec2=ec2, EndDateType="limited")


@check
def capacity_blocks(sandbox):
    ground = Ground(sandbox)
    ec2 = ground.ec2
    ask = {"InstanceType": "p5.48xlarge", "InstanceCount": 1, "CapacityDurationHours": 24}
    offered = ec2.describe_capacity_block_offerings(**ask)["CapacityBlockOfferings"]
    offering = offered[0]
    assert float(offering["UpfrontFee"]) > 0 and offering["CurrencyCode"] == "USD", offering
    assert offering["StartDate"] < offering["EndDate"] and offering["CapacityBlockDurationHours"] == 24, offering
    fails("InvalidParameterValue", ec2.describe_capacity_block_offerings, **{**ask, "CapacityDurationHours": 25})
    fails("DryRunOperation", ec2.purchase_capacity_block, InstancePlatform="Linux/UNIX", DryRun=True,
          CapacityBlockOfferingId=offering["CapacityBlockOfferingId"])
    bought = ec2.purchase_capacity_block(
        CapacityBlockOfferingId=offering["CapacityBlockOfferingId"], InstancePlatform="Linux/UNIX",
        TagSpecifications=spec("capacity-reservation", a="1"))["CapacityReservation"]
    assert bought["ReservationType"] == "capacity-block" and bought["InstanceMatchCriteria"] == "targeted", bought
    find = lambda: ec2.describe_capacity_reservations(Filters=by_tag("a", "1"))["CapacityReservations"]
    assert eventually(find)[0]["State"] in ("scheduled", "payment-pending", "active"), find()
    fails("InvalidCapacityBlockOfferingId.NotFound", ec2.purchase_capacity_block, InstancePlatform="Linux/UNIX",
          CapacityBlockOfferingId="cb-0123456789abcdef0")
    ground.image = image(sandbox, DLAMI)
    fails("InvalidParameterCombination", ground.launch, kind="p5.48xlarge",
          InstanceMarketOptions={"MarketType": "capacity-block"})
