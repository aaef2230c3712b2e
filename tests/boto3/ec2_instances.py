"""EC2: instances and what they are launched with: types, images, interfaces, volumes, profiles, spot."""

import base64

from ec2_network import SPEED, by_tag, spec, subnet, vpc
from harness import ACCOUNT, check, eventually, fails, pages, refused, untag
from iam import create as create_role
from ssm import AL2023, DLAMI


def image(sandbox, name=AL2023):
    return sandbox.client("ssm").get_parameter(Name=name)["Parameter"]["Value"]


class Ground:
    """A network to launch into."""

    def __init__(self, sandbox, zone="us-east-1a"):
        self.ec2 = sandbox.client("ec2")
        self.vpc = vpc(self.ec2)
        self.subnet = subnet(self.ec2, self.vpc, zone=zone)
        self.image = image(sandbox)

    def launch(self, count=1, kind="c7i.large", **more):
        arguments = {"ImageId": self.image, "InstanceType": kind, "SubnetId": self.subnet,
                     "MinCount": count, "MaxCount": count, **more}
        return self.ec2.run_instances(**{name: value for name, value in arguments.items() if value is not None})

    def instances(self, **query):
        return [one for reservation in self.ec2.describe_instances(**query)["Reservations"]
                for one in reservation["Instances"]]


@check
def instances_live_and_die(sandbox):
    ground = Ground(sandbox)
    ec2 = ground.ec2
    answer = ground.launch(2, TagSpecifications=spec("instance", a="1") + spec("volume", v="1"),
                           ClientToken="token-1")
    ids = [one["InstanceId"] for one in answer["Instances"]]
    first = answer["Instances"][0]
    assert len(ids) == 2 and first["State"]["Name"] == "pending" and answer["ReservationId"].startswith("r-"), answer
    assert untag(first["Tags"]) == {"a": "1"} and first["ClientToken"] == "token-1", first
    assert first["PrivateIpAddress"].startswith("10.0.0."), first
    eventually(lambda: len(ground.instances(Filters=by_tag("a", "1"))) == 2)
    fails("DependencyViolation", ec2.delete_subnet, SubnetId=ground.subnet)
    ec2.get_waiter("instance_exists").wait(InstanceIds=ids, **SPEED)
    ec2.get_waiter("instance_running").wait(InstanceIds=ids, **SPEED)
    ec2.get_waiter("instance_status_ok").wait(InstanceIds=ids, **SPEED)
    found = ground.instances(InstanceIds=ids[:1])[0]
    assert found["State"]["Name"] == "running" and found["VpcId"] == ground.vpc, found
    assert found["BlockDeviceMappings"][0]["DeviceName"] == "/dev/xvda", found
    found = ground.instances(Filters=[{"Name": "client-token", "Values": ["token-1"]}])
    assert sorted(one["InstanceId"] for one in found) == sorted(ids), found
    volumes = ec2.describe_volumes(Filters=by_tag("v", "1"))["Volumes"]
    assert len(volumes) == 2 and volumes[0]["State"] == "in-use", volumes
    interfaces = ec2.describe_network_interfaces(
        Filters=[{"Name": "attachment.instance-id", "Values": ids}])["NetworkInterfaces"]
    assert len(interfaces) == 2 and interfaces[0]["Status"] == "in-use", interfaces
    fails("InvalidParameterValue", ec2.delete_network_interface,
          NetworkInterfaceId=interfaces[0]["NetworkInterfaceId"])
    answer = ec2.terminate_instances(InstanceIds=ids)["TerminatingInstances"]
    assert {one["CurrentState"]["Name"] for one in answer} == {"shutting-down"}, answer
    ec2.get_waiter("instance_terminated").wait(InstanceIds=ids, **SPEED)
    # Terminated instances stay visible, with their tags, for an hour.
    found = ground.instances(Filters=by_tag("a", "1"))
    assert [one["State"]["Name"] for one in found] == ["terminated"] * 2, found
    assert ec2.describe_volumes(Filters=by_tag("v", "1"))["Volumes"] == []
    ec2.terminate_instances(InstanceIds=ids)
    ec2.delete_subnet(SubnetId=ground.subnet)
    fails("InvalidInstanceID.NotFound", ec2.terminate_instances, InstanceIds=["i-0123456789abcdef0"])
    fails("InvalidInstanceID.NotFound", ec2.describe_instances, InstanceIds=["i-0123456789abcdef0"])


@check
def tokens_of_launches(sandbox):
    ground = Ground(sandbox)
    first = ground.launch(ClientToken="t")["Instances"][0]["InstanceId"]
    assert ground.launch(ClientToken="t")["Instances"][0]["InstanceId"] == first
    fails("IdempotentParameterMismatch", ground.launch, count=2, ClientToken="t")
    ground.ec2.terminate_instances(InstanceIds=[first])
    ground.ec2.get_waiter("instance_terminated").wait(InstanceIds=[first], **SPEED)
    # The token still names the instance that it made, dead as it is.
    again = ground.launch(ClientToken="t")["Instances"][0]
    assert again["InstanceId"] == first and again["State"]["Name"] == "terminated", again
    assert ground.launch(ClientToken="u")["Instances"][0]["InstanceId"] != first


@check
def launches_are_checked(sandbox):
    ground = Ground(sandbox)
    launch = ground.launch
    fails("InvalidAMIID.NotFound", launch, ImageId="ami-0123456789abcdef0")
    fails("InvalidAMIID.Malformed", launch, ImageId="banana")
    fails("InvalidParameterValue", launch, kind="banana.large")
    fails("InvalidParameterValue", launch, kind="c7g.large")
    fails("InvalidSubnetID.NotFound", launch, SubnetId="subnet-0123456789abcdef0")
    fails("InvalidParameterValue", launch, MinCount=2, MaxCount=1)
    fails("InvalidGroup.NotFound", launch, SecurityGroupIds=["sg-0123456789abcdef0"])
    fails("InvalidPlacementGroup.Unknown", launch, Placement={"GroupName": "none"})
    fails("InvalidPlacementGroup.Unknown", launch, Placement={"GroupId": "pg-0123456789abcdef0"})
    fails("InvalidParameterValue", launch, UserData="x" * 20000)
    fails("InvalidParameterValue", launch, IamInstanceProfile={"Name": "none"})
    fails("DryRunOperation", launch, DryRun=True)
    refused("CpuOptions", launch, CpuOptions={"CoreCount": 1, "ThreadsPerCore": 1})
    refused("LaunchTemplate", launch, LaunchTemplate={"LaunchTemplateName": "t"})
    assert ground.instances() == []


@check
def instances_are_listed_in_pages(sandbox):
    ground = Ground(sandbox)
    for _ in range(7):
        ground.launch()
    eventually(lambda: len(ground.instances()) == 7)
    reservations = pages(ground.ec2, "describe_instances", "Reservations", "MaxResults", 5)
    assert sum(len(one["Instances"]) for one in reservations) == 7, reservations
    query = [{"Name": "instance-state-name", "Values": ["pending", "running"]}]
    assert len(ground.instances(Filters=query)) == 7
    query = [{"Name": "subnet-id", "Values": ["subnet-0123456789abcdef0"]}]
    assert ground.instances(Filters=query) == []


@check
def attributes_of_instances(sandbox):
    ground = Ground(sandbox)
    script = "#!/bin/sh\necho ü\n"
    made = ground.launch(UserData=script, DisableApiTermination=True, MetadataOptions={"HttpTokens": "required"},
                         InstanceInitiatedShutdownBehavior="terminate")["Instances"][0]
    one = made["InstanceId"]
    read = lambda attribute: eventually(lambda: ground.instances()) and ground.ec2.describe_instance_attribute(
        InstanceId=one, Attribute=attribute)
    assert base64.b64decode(read("userData")["UserData"]["Value"]).decode() == script
    assert read("disableApiTermination")["DisableApiTermination"]["Value"] is True
    assert read("instanceInitiatedShutdownBehavior")["InstanceInitiatedShutdownBehavior"]["Value"] == "terminate"
    assert read("instanceType")["InstanceType"]["Value"] == "c7i.large"
    found = ground.instances(InstanceIds=[one])[0]["MetadataOptions"]
    assert found["HttpTokens"] == "required" and found["HttpPutResponseHopLimit"] == 1, found
    ground.ec2.modify_instance_metadata_options(InstanceId=one, HttpPutResponseHopLimit=2)
    found = ground.instances(InstanceIds=[one])[0]["MetadataOptions"]
    assert found["HttpTokens"] == "required" and found["HttpPutResponseHopLimit"] == 2, found
    fails("OperationNotPermitted", ground.ec2.terminate_instances, InstanceIds=[one])
    fails("InvalidInstanceID.NotFound", ground.ec2.describe_instance_attribute, InstanceId="i-0123456789abcdef0",
          Attribute="userData")
    statuses = ground.ec2.describe_instance_status(InstanceIds=[one], IncludeAllInstances=True)["InstanceStatuses"]
    assert [status["InstanceId"] for status in statuses] == [one], statuses


@check
def a_fresh_profile_is_refused_for_a_while(sandbox):
    ground = Ground(sandbox)
    iam = sandbox.client("iam")
    create_role(iam)
    # Ten seconds of the sandbox are too short to be seen at this speed without a fault rule.
    iam.create_instance_profile(InstanceProfileName="p")
    profile = {"IamInstanceProfile": {"Name": "p"}}
    eventually(lambda: "no associated IAM Roles" in str(fails("InvalidParameterValue", ground.launch, **profile)))
    iam.add_role_to_instance_profile(InstanceProfileName="p", RoleName="role")

    def launched():
        try:
            return ground.launch(**profile)["Instances"][0]
        except ground.ec2.exceptions.ClientError as error:
            assert error.response["Error"]["Code"] == "InvalidParameterValue", error
            return None

    made = eventually(launched)
    arn = f"arn:aws:iam::{ACCOUNT}:instance-profile/p"
    assert made["IamInstanceProfile"]["Arn"] == arn, made
    iam.remove_role_from_instance_profile(InstanceProfileName="p", RoleName="role")
    iam.delete_instance_profile(InstanceProfileName="p")
    fails("InvalidParameterValue", ground.launch, IamInstanceProfile={"Arn": arn})


@check
def disks(sandbox):
    ground = Ground(sandbox)
    ground.image = image(sandbox, DLAMI)
    root = {"DeviceName": "/dev/sda1", "Ebs": {"VolumeSize": 200, "VolumeType": "gp3", "Iops": 4000, "Throughput": 250,
                                               "Encrypted": True, "DeleteOnTermination": True}}
    data = {"DeviceName": "/dev/sdf", "Ebs": {"VolumeSize": 10, "VolumeType": "gp3", "DeleteOnTermination": False}}
    made = ground.launch(kind="g5.xlarge", BlockDeviceMappings=[root, data])["Instances"][0]
    query = [{"Name": "attachment.instance-id", "Values": [made["InstanceId"]]}]
    found = eventually(lambda: ground.ec2.describe_volumes(Filters=query)["Volumes"])
    facts = {one["Attachments"][0]["Device"]: one for one in found}
    assert facts["/dev/sda1"]["Size"] == 200 and facts["/dev/sda1"]["Throughput"] == 250, facts
    assert facts["/dev/sda1"]["Encrypted"] is True and facts["/dev/sdf"]["Size"] == 10, facts
    ground.ec2.get_waiter("instance_running").wait(InstanceIds=[made["InstanceId"]], **SPEED)
    ground.ec2.terminate_instances(InstanceIds=[made["InstanceId"]])
    ground.ec2.get_waiter("instance_terminated").wait(InstanceIds=[made["InstanceId"]], **SPEED)
    left = ground.ec2.describe_volumes()["Volumes"]
    assert [one["Size"] for one in left] == [10] and left[0]["State"] == "available", left
    small = {"DeviceName": "/dev/sda1", "Ebs": {"VolumeSize": 8, "VolumeType": "gp3"}}
    fails("InvalidBlockDeviceMapping", ground.launch, kind="g5.xlarge", BlockDeviceMappings=[small])


@check
def interfaces_for_efa(sandbox):
    ground = Ground(sandbox)
    group = ground.ec2.create_security_group(GroupName="efa", Description="d", VpcId=ground.vpc)["GroupId"]

    def cards(count, kind="efa-only", **more):
        primary = {"DeviceIndex": 0, "NetworkCardIndex": 0, "InterfaceType": "efa", "SubnetId": ground.subnet,
                   "Groups": [group], "DeleteOnTermination": True}
        rest = [{"DeviceIndex": 1, "NetworkCardIndex": card, "InterfaceType": kind, "SubnetId": ground.subnet,
                 "Groups": [group], "DeleteOnTermination": True, **more} for card in range(1, count)]
        return {"SubnetId": None, "NetworkInterfaces": [primary, *rest]}

    ground.image = image(sandbox, DLAMI)
    made = ground.launch(kind="p4d.24xlarge", **cards(4))["Instances"][0]
    kinds = sorted((one["Attachment"]["NetworkCardIndex"], one["InterfaceType"]) for one in made["NetworkInterfaces"])
    assert kinds == [(0, "efa"), (1, "efa-only"), (2, "efa-only"), (3, "efa-only")], kinds
    fails("InvalidParameterCombination", ground.launch, **{**cards(1), "SubnetId": ground.subnet})
    try:
        ground.launch(kind="g5.xlarge", **cards(1))
    except ground.ec2.exceptions.ClientError as error:
        assert error.response["Error"]["Code"] in ("AttachmentLimitExceeded", "InvalidParameterCombination",
                                                   "Unsupported", "InvalidParameterValue"), error
    else:
        raise AssertionError("a type without EFA took an EFA interface")
    # An interface that outlives its instance can be deleted by itself.
    kept = ground.launch(kind="p4d.24xlarge", **cards(2, DeleteOnTermination=False))["Instances"][0]
    ground.ec2.get_waiter("instance_running").wait(InstanceIds=[kept["InstanceId"]], **SPEED)
    ground.ec2.terminate_instances(InstanceIds=[kept["InstanceId"]])
    ground.ec2.get_waiter("instance_terminated").wait(InstanceIds=[kept["InstanceId"]], **SPEED)
    left = ground.ec2.describe_network_interfaces(
        Filters=[{"Name": "status", "Values": ["available"]}])["NetworkInterfaces"]
    assert len(left) == 1, left
    ground.ec2.delete_network_interface(NetworkInterfaceId=left[0]["NetworkInterfaceId"])
    fails("InvalidNetworkInterfaceID.NotFound", ground.ec2.delete_network_interface,
          NetworkInterfaceId=left[0]["NetworkInterfaceId"])
    found = pages(ground.ec2, "describe_network_interfaces", "NetworkInterfaces", "MaxResults", 5)
    assert len(found) == 4, found


@check
def types_and_offerings(sandbox):
    ec2 = sandbox.client("ec2")
    found = ec2.describe_instance_types(InstanceTypes=["p5.48xlarge"])["InstanceTypes"][0]
    assert found["VCpuInfo"]["DefaultVCpus"] == 192, found
    assert found["NetworkInfo"]["EfaSupported"] and found["NetworkInfo"]["MaximumNetworkCards"] == 32, found
    assert found["GpuInfo"]["Gpus"][0]["Count"] == 8, found
    fails("InvalidInstanceType", ec2.describe_instance_types, InstanceTypes=["banana.large"])
    every = pages(ec2, "describe_instance_types", "InstanceTypes", "MaxResults", 50)
    assert len(every) > 100 and len({one["InstanceType"] for one in every}) == len(every), len(every)
    zones = ec2.describe_instance_type_offerings(LocationType="availability-zone", Filters=[
        {"Name": "instance-type", "Values": ["c7i.large"]}])["InstanceTypeOfferings"]
    assert zones and all(one["Location"].startswith("us-east-1") for one in zones), zones
    where = ec2.describe_instance_type_offerings(LocationType="region", Filters=[
        {"Name": "instance-type", "Values": ["c7i.large"]}])["InstanceTypeOfferings"]
    assert [one["Location"] for one in where] == ["us-east-1"], where


@check
def images(sandbox):
    ec2 = sandbox.client("ec2")
    one = image(sandbox)
    found = ec2.describe_images(ImageIds=[one])["Images"][0]
    assert found["RootDeviceName"] == "/dev/xvda" and found["State"] == "available", found
    fails("InvalidAMIID.NotFound", ec2.describe_images, ImageIds=["ami-0123456789abcdef0"])


@check
def spot(sandbox):
    ground = Ground(sandbox)
    market = {"InstanceMarketOptions": {"MarketType": "spot", "SpotOptions": {"SpotInstanceType": "one-time"}}}
    made = ground.launch(**market)["Instances"][0]
    assert made["InstanceLifecycle"] == "spot" and made["SpotInstanceRequestId"].startswith("sir-"), made
    low = {"InstanceMarketOptions": {"MarketType": "spot", "SpotOptions": {"MaxPrice": "0.0001"}}}
    fails("SpotMaxPriceTooLow", ground.launch, **low)
    found = ground.ec2.describe_spot_price_history(InstanceTypes=["c7i.large", "g5.xlarge"], MaxResults=5,
                                                   ProductDescriptions=["Linux/UNIX"])
    assert len(found["SpotPriceHistory"]) == 5 and float(found["SpotPriceHistory"][0]["SpotPrice"]) > 0, found
    every = pages(ground.ec2, "describe_spot_price_history", "SpotPriceHistory", "MaxResults", 5,
                  InstanceTypes=["c7i.large", "g5.xlarge"])
    assert len(every) > 5 and {one["InstanceType"] for one in every} == {"c7i.large", "g5.xlarge"}, every


@check
def cluster_placement(sandbox):
    ground = Ground(sandbox)
    ground.ec2.create_placement_group(GroupName="g", Strategy="cluster")
    made = ground.launch(kind="c7i.large", Placement={"GroupName": "g"})["Instances"][0]
    assert made["Placement"]["GroupName"] == "g", made
    fails("InvalidPlacementGroup.InUse", ground.ec2.delete_placement_group, GroupName="g")
    fails("InvalidParameterCombination", ground.launch, kind="t3.micro", Placement={"GroupName": "g"})


@check
def public_addresses(sandbox):
    ground = Ground(sandbox)
    ground.ec2.modify_subnet_attribute(SubnetId=ground.subnet, MapPublicIpOnLaunch={"Value": True})
    one = ground.launch()["Instances"][0]["InstanceId"]
    ground.ec2.get_waiter("instance_running").wait(InstanceIds=[one], **SPEED)
    assert ground.instances(InstanceIds=[one])[0]["PublicIpAddress"]


@check
def running_instances_are_changed(sandbox):
    ground = Ground(sandbox)
    ec2 = ground.ec2
    group = ec2.create_security_group(GroupName="g", Description="d", VpcId=ground.vpc)["GroupId"]
    one = ground.launch()["Instances"][0]["InstanceId"]
    read = lambda: eventually(lambda: ground.instances(InstanceIds=[one]))[0]
    eventually(lambda: len(ground.instances()) == 1)
    ec2.modify_instance_attribute(InstanceId=one, Groups=[group])
    assert [found["GroupId"] for found in read()["SecurityGroups"]] == [group], read()
    ec2.modify_instance_attribute(InstanceId=one, DisableApiTermination={"Value": True})
    fails("OperationNotPermitted", ec2.terminate_instances, InstanceIds=[one])
    ec2.modify_instance_attribute(InstanceId=one, DisableApiTermination={"Value": False})
    ec2.modify_instance_attribute(InstanceId=one, InstanceInitiatedShutdownBehavior={"Value": "terminate"})
    fails("InvalidParameterCombination", ec2.modify_instance_attribute, InstanceId=one)
    fails("InvalidGroup.NotFound", ec2.modify_instance_attribute, InstanceId=one, Groups=["sg-0123456789abcdef0"])
    refused("SourceDestCheck", ec2.modify_instance_attribute, InstanceId=one, SourceDestCheck={"Value": True},
            DisableApiTermination={"Value": False})
    assert ec2.monitor_instances(InstanceIds=[one])["InstanceMonitorings"][0]["Monitoring"]["State"] == "pending"
    eventually(lambda: read()["Monitoring"]["State"] == "enabled")
    ec2.unmonitor_instances(InstanceIds=[one])
    eventually(lambda: read()["Monitoring"]["State"] == "disabled")
    missing = "i-0123456789abcdef0"
    for call in (ec2.monitor_instances, ec2.unmonitor_instances):
        fails("InvalidInstanceID.NotFound", call, InstanceIds=[missing])
    fails("InvalidInstanceID.NotFound", ec2.modify_instance_attribute, InstanceId=missing, Groups=[group])
    ec2.terminate_instances(InstanceIds=[one])
    fails("IncorrectInstanceState", ec2.modify_instance_attribute, InstanceId=one, Groups=[group])


@check
def instances_stop_and_start(sandbox):
    ground = Ground(sandbox)
    ec2 = ground.ec2
    ec2.modify_subnet_attribute(SubnetId=ground.subnet, MapPublicIpOnLaunch={"Value": True})
    one = ground.launch(kind="t3.micro")["Instances"][0]["InstanceId"]
    show = lambda: ground.instances(InstanceIds=[one])[0]
    fails("IncorrectInstanceState", ec2.stop_instances, InstanceIds=[one])
    fails("IncorrectInstanceState", ec2.modify_instance_attribute, InstanceId=one, InstanceType={"Value": "t3.small"})
    ec2.get_waiter("instance_running").wait(InstanceIds=[one], **SPEED)
    ec2.reboot_instances(InstanceIds=[one])
    before = show()
    assert before["PublicIpAddress"] and before["StateTransitionReason"] == "" and "Tags" not in before, before
    assert before["CpuOptions"] == {"CoreCount": 1, "ThreadsPerCore": 2}, before
    change = ec2.stop_instances(InstanceIds=[one])["StoppingInstances"][0]
    assert change["CurrentState"]["Name"] == "stopping" and change["PreviousState"]["Name"] == "running", change
    fails("IncorrectInstanceState", ec2.start_instances, InstanceIds=[one])
    ec2.get_waiter("instance_stopped").wait(InstanceIds=[one], **SPEED)
    after = show()
    assert after["StateReason"]["Code"] == "Client.UserInitiatedShutdown" and "PublicIpAddress" not in after, after
    assert after["StateTransitionReason"].startswith("User initiated (20"), after
    assert after["PrivateIpAddress"] == before["PrivateIpAddress"] and after["State"]["Code"] == 80, after
    found = ground.instances(Filters=[{"Name": "instance-state-code", "Values": ["80"]}])
    assert [it["InstanceId"] for it in found] == [one], found
    assert ec2.stop_instances(InstanceIds=[one])["StoppingInstances"][0]["CurrentState"]["Name"] == "stopped"
    fails("IncorrectInstanceState", ec2.reboot_instances, InstanceIds=[one])
    ec2.modify_instance_attribute(InstanceId=one, Attribute="instanceType", Value="t3.small")
    change = ec2.start_instances(InstanceIds=[one])["StartingInstances"][0]
    assert change["CurrentState"]["Name"] == "pending" and change["PreviousState"]["Name"] == "stopped", change
    ec2.get_waiter("instance_running").wait(InstanceIds=[one], **SPEED)
    again = show()
    assert again["InstanceType"] == "t3.small" and again["LaunchTime"] > before["LaunchTime"], again
    assert again["PublicIpAddress"] and "StateReason" not in again, again
    console = ec2.get_console_output(InstanceId=one)
    assert console["InstanceId"] == one and console["Timestamp"] and one in console["Output"], console
    fails("UnsupportedHibernationConfiguration", ec2.stop_instances, InstanceIds=[one], Hibernate=True)
    ec2.terminate_instances(InstanceIds=[one])
    fails("IncorrectInstanceState", ec2.start_instances, InstanceIds=[one])


@check
def a_spot_machine_is_not_stopped(sandbox):
    ground = Ground(sandbox)
    ec2 = ground.ec2
    spot = ground.launch(InstanceMarketOptions={"MarketType": "spot"})["Instances"][0]["InstanceId"]
    ec2.get_waiter("instance_running").wait(InstanceIds=[spot], **SPEED)
    fails("UnsupportedOperation", ec2.stop_instances, InstanceIds=[spot])


@check
def instances_are_named_well_or_not_at_all(sandbox):
    ec2 = sandbox.client("ec2")
    for call in (ec2.stop_instances, ec2.start_instances, ec2.terminate_instances, ec2.monitor_instances):
        fails("InvalidParameterCombination", call, InstanceIds=[])
    ids = ["i-0123456789abcdef0", "i-0123456789abcdef1"]
    for call in (ec2.describe_instances, ec2.terminate_instances):
        fails("InvalidInstanceID.Malformed", call, InstanceIds=["i-xyz"])
        error = fails("InvalidInstanceID.NotFound", call, InstanceIds=ids)
        assert error.response["Error"]["Message"] == f"The instance IDs '{', '.join(ids)}' do not exist", error


@check
def types_and_images_that_aws_has_are_there(sandbox):
    ec2 = sandbox.client("ec2")
    found = {one["InstanceType"]: one for one in ec2.describe_instance_types(
        InstanceTypes=["t2.micro", "m5.large", "r6g.xlarge", "c5.metal"])["InstanceTypes"]}
    micro = found["t2.micro"]
    assert micro["MemoryInfo"]["SizeInMiB"] == 1024 and micro["VCpuInfo"]["DefaultCores"] == 1, micro
    assert micro["EbsInfo"] == {
        "EbsOptimizedSupport": "unsupported", "EncryptionSupport": "supported", "NvmeSupport": "unsupported"}, micro
    fast = found["m5.large"]["EbsInfo"]["EbsOptimizedInfo"]
    assert (fast["BaselineBandwidthInMbps"], fast["MaximumBandwidthInMbps"]) == (650, 4750), fast
    assert (fast["BaselineThroughputInMBps"], fast["BaselineIops"]) == (81.25, 3600), fast
    assert found["r6g.xlarge"]["VCpuInfo"]["DefaultThreadsPerCore"] == 1, found["r6g.xlarge"]
    for region in ("eu-west-3", "sa-east-1", "ap-northeast-2", "ap-northeast-3"):
        there = sandbox.client("ec2", region)
        zones = [one["ZoneName"] for one in there.describe_availability_zones()["AvailabilityZones"]]
        offered = there.describe_instance_type_offerings(
            LocationType="availability-zone", Filters=[{"Name": "instance-type", "Values": ["t3.micro"]}])
        places = {one["Location"] for one in offered["InstanceTypeOfferings"]}
        assert len(zones) >= 3 and places and places <= set(zones), (region, zones, places)
    fails("InvalidAMIID.Malformed", ec2.describe_images, ImageIds=["ami-x"])
    shown = ec2.describe_images(ImageIds=[image(sandbox)])["Images"][0]
    assert shown["OwnerId"] == "137112412989" and shown["CreationDate"], shown
    assert shown["BlockDeviceMappings"][0]["Ebs"]["SnapshotId"].startswith("snap-"), shown
    assert ec2.describe_images(Owners=["137112412989"])["Images"], "by the owner's account"
    names = {one["RegionName"]: one["OptInStatus"] for one in ec2.describe_regions(AllRegions=True)["Regions"]}
    assert names["eu-west-3"] == "opt-in-not-required" and names["af-south-1"] == "opted-in", names
    assert len(ec2.describe_regions()["Regions"]) == 34


@check
def key_pairs_are_brought_and_not_made(sandbox):
    ec2 = sandbox.client("ec2")
    key = "ssh-ed25519 " + base64.b64encode(b"a key").decode() + " me"
    fails("InvalidKeyPair.NotFound", ec2.describe_key_pairs, KeyNames=["mine"])
    fails("InvalidKey.Format", ec2.import_key_pair, KeyName="mine", PublicKeyMaterial="rubbish")
    made = ec2.import_key_pair(KeyName="mine", PublicKeyMaterial=key, TagSpecifications=spec("key-pair", a="1"))
    fails("InvalidKeyPair.Duplicate", ec2.import_key_pair, KeyName="mine", PublicKeyMaterial=key)
    shown = eventually(lambda: ec2.describe_key_pairs(Filters=by_tag("a", "1"), IncludePublicKey=True)["KeyPairs"])[0]
    assert shown["KeyPairId"] == made["KeyPairId"] and shown["KeyName"] == "mine", shown
    assert shown["KeyType"] == "ed25519" and shown["PublicKey"] == key, shown
    assert shown["KeyFingerprint"] == made["KeyFingerprint"], (made, shown)
    for _ in range(2):
        ec2.delete_key_pair(KeyName="mine")


@check
def interfaces_are_made_and_attached(sandbox):
    ground = Ground(sandbox)
    ec2 = ground.ec2
    other = subnet(ec2, ground.vpc, cidr="10.0.64.0/20", zone="us-east-1b")
    create = lambda **more: ec2.create_network_interface(**{"SubnetId": ground.subnet, **more})["NetworkInterface"]
    made = create(PrivateIpAddress="10.0.0.77", Description="mine", ClientToken="t",
                  TagSpecifications=spec("network-interface", a="1"))
    eni = made["NetworkInterfaceId"]
    assert made["PrivateIpAddress"] == "10.0.0.77" and made["Status"] == "available", made
    assert untag(made["TagSet"]) == {"a": "1"} and len(made["Groups"]) == 1, made
    fails("InvalidIPAddress.InUse", create, PrivateIpAddress="10.0.0.77")
    fails("InvalidParameterValue", create, PrivateIpAddress="10.9.0.1")
    fails("InvalidSubnetID.NotFound", create, SubnetId="subnet-0123456789abcdef0")
    fails("InvalidGroup.NotFound", create, Groups=["sg-0123456789abcdef0"])
    one = ground.launch(kind="t3.micro")["Instances"][0]["InstanceId"]
    ec2.get_waiter("instance_running").wait(InstanceIds=[one], **SPEED)
    attach = lambda **more: ec2.attach_network_interface(
        **{"NetworkInterfaceId": eni, "InstanceId": one, "DeviceIndex": 1, **more})
    fails("InvalidParameterCombination", attach, NetworkInterfaceId=create(SubnetId=other)["NetworkInterfaceId"])
    fails("InvalidParameterValue", attach, DeviceIndex=0)
    fails("AttachmentLimitExceeded", attach, DeviceIndex=2)
    fails("InvalidNetworkInterfaceID.NotFound", attach, NetworkInterfaceId="eni-0123456789abcdef0")
    attachment = attach()["AttachmentId"]
    fails("InvalidNetworkInterface.InUse", attach)
    shown = ground.instances(InstanceIds=[one])[0]["NetworkInterfaces"]
    assert [it["Attachment"]["DeviceIndex"] for it in shown] == [0, 1], shown
    fails("OperationNotPermitted", ec2.detach_network_interface, AttachmentId=shown[0]["Attachment"]["AttachmentId"])
    ec2.detach_network_interface(AttachmentId=attachment)
    fails("InvalidAttachmentID.NotFound", ec2.detach_network_interface, AttachmentId=attachment)
    assert len(ground.instances(InstanceIds=[one])[0]["NetworkInterfaces"]) == 1
    ec2.delete_network_interface(NetworkInterfaceId=eni)
