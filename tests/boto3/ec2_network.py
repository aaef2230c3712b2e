"""EC2: VPCs, subnets, gateways, addresses, NAT gateways, routes, endpoints, tags, zones."""

import json

import botocore.exceptions
from harness import ACCOUNT, check, eventually, fails, pages, refused, tags, untag

CLOSED = {"Version": "2012-10-17", "Statement": [{"Effect": "Deny", "Principal": "*", "Action": "*", "Resource": "*"}]}
SPEED = {"WaiterConfig": {"Delay": 1, "MaxAttempts": 60}}


def spec(kind, **mapping):
    return [{"ResourceType": kind, "Tags": tags(mapping)}]


def vpc(ec2, cidr="10.0.0.0/16", **names):
    more = {"TagSpecifications": spec("vpc", **names)} if names else {}
    return ec2.create_vpc(CidrBlock=cidr, **more)["Vpc"]["VpcId"]


def subnet(ec2, network, cidr="10.0.0.0/24", zone="us-east-1a"):
    return ec2.create_subnet(VpcId=network, CidrBlock=cidr, AvailabilityZone=zone)["Subnet"]["SubnetId"]


def by_tag(key, value):
    return [{"Name": f"tag:{key}", "Values": [value]}]


@check
def a_vpc_lives_and_dies(sandbox):
    ec2 = sandbox.client("ec2")
    made = ec2.create_vpc(CidrBlock="10.1.0.0/16", TagSpecifications=spec("vpc", Name="n", a="1"))["Vpc"]
    assert made["State"] == "pending" and untag(made["Tags"]) == {"Name": "n", "a": "1"}, made
    assert made["OwnerId"] == ACCOUNT and made["CidrBlock"] == "10.1.0.0/16" and not made["IsDefault"], made
    network = made["VpcId"]
    ec2.get_waiter("vpc_exists").wait(VpcIds=[network], **SPEED)
    ec2.get_waiter("vpc_available").wait(VpcIds=[network], **SPEED)
    for attribute, field, value in (("enableDnsSupport", "EnableDnsSupport", True),
                                    ("enableDnsHostnames", "EnableDnsHostnames", False)):
        found = ec2.describe_vpc_attribute(VpcId=network, Attribute=attribute)
        assert found[field]["Value"] is value, found
    ec2.modify_vpc_attribute(VpcId=network, EnableDnsHostnames={"Value": True})
    found = ec2.describe_vpc_attribute(VpcId=network, Attribute="enableDnsHostnames")
    assert found["EnableDnsHostnames"]["Value"] is True, found
    fails("InvalidParameterCombination", ec2.modify_vpc_attribute, VpcId=network,
          EnableDnsHostnames={"Value": True}, EnableDnsSupport={"Value": True})
    ec2.delete_vpc(VpcId=network)
    fails("InvalidVpcID.NotFound", ec2.delete_vpc, status=400, VpcId=network)
    fails("InvalidVpcID.NotFound", ec2.describe_vpcs, VpcIds=[network])
    fails("InvalidVpcID.NotFound", ec2.describe_vpc_attribute, VpcId=network, Attribute="enableDnsSupport")


@check
def vpc_input_is_checked_and_dry_runs_change_nothing(sandbox):
    ec2 = sandbox.client("ec2")
    fails("InvalidParameterValue", ec2.create_vpc, CidrBlock="banana")
    fails("InvalidVpc.Range", ec2.create_vpc, CidrBlock="10.0.0.0/8")
    fails("DryRunOperation", ec2.create_vpc, status=412, CidrBlock="10.0.0.0/16", DryRun=True)
    fails("InvalidParameterValue", ec2.create_vpc, CidrBlock="10.0.0.0/16", TagSpecifications=spec("subnet", a="b"))
    refused("Ipv6CidrBlock", ec2.create_vpc, CidrBlock="10.0.0.0/16", Ipv6CidrBlock="::/56", Ipv6Pool="p")
    assert ec2.describe_vpcs()["Vpcs"] == []


@check
def descriptions_are_filtered_and_paged(sandbox):
    ec2 = sandbox.client("ec2")
    ids = [vpc(ec2, n=str(n), group="even" if n % 2 == 0 else "odd") for n in range(12)]
    eventually(lambda: len(ec2.describe_vpcs()["Vpcs"]) == 12)
    found = pages(ec2, "describe_vpcs", "Vpcs", "MaxResults", 5)
    assert sorted(one["VpcId"] for one in found) == sorted(ids), found
    found = pages(ec2, "describe_vpcs", "Vpcs", "MaxResults", 5, Filters=by_tag("group", "even"))
    assert sorted(one["VpcId"] for one in found) == sorted(ids[::2]), found
    count = lambda *filters: len(ec2.describe_vpcs(Filters=list(filters))["Vpcs"])
    assert count({"Name": "tag-key", "Values": ["group"]}) == 12
    assert count({"Name": "tag:group", "Values": ["e*", "nothing"]}) == 6
    assert count({"Name": "tag:group", "Values": ["odd"]}, {"Name": "tag:n", "Values": ["1", "2"]}) == 1
    assert count({"Name": "vpc-id", "Values": ids[:3]}) == 3
    refused("dhcp-options-id", ec2.describe_vpcs, Filters=[{"Name": "dhcp-options-id", "Values": ["x"]}])
    fails("InvalidParameterValue", ec2.describe_vpcs, MaxResults=1001)


@check
def tags_come_and_go(sandbox):
    ec2 = sandbox.client("ec2")
    network = vpc(ec2, a="1")
    ec2.create_tags(Resources=[network], Tags=tags({"a": "2", "b": "3", "c": "4"}))
    read = lambda: {tag["Key"]: tag["Value"] for tag in
                    ec2.describe_tags(Filters=[{"Name": "resource-id", "Values": [network]}])["Tags"]}
    eventually(lambda: read() == {"a": "2", "b": "3", "c": "4"})
    assert untag(ec2.describe_vpcs(VpcIds=[network])["Vpcs"][0]["Tags"]) == {"a": "2", "b": "3", "c": "4"}
    ec2.delete_tags(Resources=[network], Tags=[{"Key": "a"}, {"Key": "b", "Value": "other"}])
    assert read() == {"b": "3", "c": "4"}, read()
    found = pages(ec2, "describe_tags", "Tags", "MaxResults", 5, Filters=[{"Name": "key", "Values": ["b", "c"]}])
    assert [(tag["Key"], tag["ResourceType"], tag["ResourceId"]) for tag in found] == [
        ("b", "vpc", network), ("c", "vpc", network)], found
    fails("InvalidVpcID.NotFound", ec2.create_tags, Resources=["vpc-0123456789abcdef0"], Tags=tags({"a": "b"}))
    fails("InvalidParameterValue", ec2.create_tags, Resources=[network], Tags=tags({"aws:x": "b"}))
    fails("TagLimitExceeded", ec2.create_tags, Resources=[network], Tags=tags({f"k{n}": "" for n in range(50)}))
    fails("DryRunOperation", ec2.delete_tags, Resources=[network], DryRun=True)
    ec2.delete_tags(Resources=[network])
    assert read() == {}


@check
def regions_and_zones(sandbox):
    ec2 = sandbox.client("ec2")
    regions = {region["RegionName"] for region in ec2.describe_regions()["Regions"]}
    assert {"us-east-1", "us-west-2", "eu-west-1"} <= regions, regions
    zones = ec2.describe_availability_zones()["AvailabilityZones"]
    assert zones[0]["ZoneName"] == "us-east-1a" and zones[0]["ZoneId"].startswith("use1-az"), zones[0]
    assert all(zone["State"] == "available" and zone["RegionName"] == "us-east-1" for zone in zones), zones
    one = ec2.describe_availability_zones(ZoneIds=[zones[1]["ZoneId"]])["AvailabilityZones"]
    assert [zone["ZoneName"] for zone in one] == [zones[1]["ZoneName"]], one


@check
def subnets(sandbox):
    ec2 = sandbox.client("ec2")
    network = vpc(ec2)
    made = ec2.create_subnet(VpcId=network, CidrBlock="10.0.1.0/24", AvailabilityZone="us-east-1b",
                             TagSpecifications=spec("subnet", a="1"))["Subnet"]
    assert made["AvailableIpAddressCount"] == 251 and made["AvailabilityZone"] == "us-east-1b", made
    assert made["VpcId"] == network and untag(made["Tags"]) == {"a": "1"} and not made["MapPublicIpOnLaunch"], made
    assert made["SubnetArn"] == f"arn:aws:ec2:us-east-1:{ACCOUNT}:subnet/{made['SubnetId']}", made
    ec2.get_waiter("subnet_available").wait(SubnetIds=[made["SubnetId"]], **SPEED)
    zone = made["AvailabilityZoneId"]
    second = ec2.create_subnet(VpcId=network, CidrBlock="10.0.2.0/24", AvailabilityZoneId=zone)["Subnet"]
    assert second["AvailabilityZone"] == "us-east-1b", second
    ec2.modify_subnet_attribute(SubnetId=made["SubnetId"], MapPublicIpOnLaunch={"Value": True})
    found = eventually(lambda: ec2.describe_subnets(Filters=[{"Name": "vpc-id", "Values": [network]}])["Subnets"])
    assert {one["SubnetId"]: one["MapPublicIpOnLaunch"] for one in found} == {
        made["SubnetId"]: True, second["SubnetId"]: False}, found
    found = ec2.describe_subnets(Filters=by_tag("a", "1"))["Subnets"]
    assert [one["SubnetId"] for one in found] == [made["SubnetId"]], found
    create = ec2.create_subnet
    fails("InvalidSubnet.Conflict", create, VpcId=network, CidrBlock="10.0.1.128/25")
    fails("InvalidSubnet.Range", create, VpcId=network, CidrBlock="10.9.0.0/24")
    fails("InvalidVpcID.NotFound", create, VpcId="vpc-0123456789abcdef0", CidrBlock="10.0.3.0/24")
    fails("InvalidParameterValue", create, VpcId=network, CidrBlock="10.0.3.0/24", AvailabilityZone="mars-1a")
    fails("DependencyViolation", ec2.delete_vpc, VpcId=network)
    for one in (made, second):
        ec2.delete_subnet(SubnetId=one["SubnetId"])
    fails("InvalidSubnetID.NotFound", ec2.delete_subnet, SubnetId=made["SubnetId"])
    fails("InvalidSubnetID.NotFound", ec2.describe_subnets, SubnetIds=[made["SubnetId"]])
    ec2.delete_vpc(VpcId=network)


@check
def internet_gateways(sandbox):
    ec2 = sandbox.client("ec2")
    network, other = vpc(ec2), vpc(ec2)
    made = ec2.create_internet_gateway(TagSpecifications=spec("internet-gateway", a="1"))["InternetGateway"]
    gateway = made["InternetGatewayId"]
    assert made["Attachments"] == [] and untag(made["Tags"]) == {"a": "1"}, made
    ec2.attach_internet_gateway(InternetGatewayId=gateway, VpcId=network)
    fails("Resource.AlreadyAssociated", ec2.attach_internet_gateway, InternetGatewayId=gateway, VpcId=other)
    ec2.get_waiter("internet_gateway_exists").wait(InternetGatewayIds=[gateway], **SPEED)
    query = [{"Name": "attachment.vpc-id", "Values": [network]}]
    found = ec2.describe_internet_gateways(Filters=query)["InternetGateways"]
    assert found[0]["Attachments"] == [{"State": "available", "VpcId": network}], found
    fails("DependencyViolation", ec2.delete_internet_gateway, InternetGatewayId=gateway)
    fails("DependencyViolation", ec2.delete_vpc, VpcId=network)
    fails("Gateway.NotAttached", ec2.detach_internet_gateway, InternetGatewayId=gateway, VpcId=other)
    ec2.detach_internet_gateway(InternetGatewayId=gateway, VpcId=network)
    ec2.delete_internet_gateway(InternetGatewayId=gateway)
    fails("InvalidInternetGatewayID.NotFound", ec2.delete_internet_gateway, InternetGatewayId=gateway)
    fails("InvalidInternetGatewayID.NotFound", ec2.describe_internet_gateways, InternetGatewayIds=[gateway])
    ec2.delete_vpc(VpcId=network)


@check
def addresses(sandbox):
    ec2 = sandbox.client("ec2")
    made = ec2.allocate_address(Domain="vpc", TagSpecifications=spec("elastic-ip", a="1"))
    assert made["Domain"] == "vpc" and made["PublicIp"] and made["AllocationId"].startswith("eipalloc-"), made
    found = eventually(lambda: ec2.describe_addresses(Filters=by_tag("a", "1"))["Addresses"])
    assert found[0]["AllocationId"] == made["AllocationId"] and "AssociationId" not in found[0], found
    ec2.release_address(AllocationId=made["AllocationId"])
    fails("InvalidAllocationID.NotFound", ec2.release_address, AllocationId=made["AllocationId"])
    fails("InvalidAllocationID.NotFound", ec2.describe_addresses, AllocationIds=[made["AllocationId"]])


@check
def nat_gateways(sandbox):
    ec2 = sandbox.client("ec2")
    network = vpc(ec2)
    inside = subnet(ec2, network)
    address = ec2.allocate_address(Domain="vpc")["AllocationId"]
    arguments = {"SubnetId": inside, "AllocationId": address, "ClientToken": "token-1",
                 "TagSpecifications": spec("natgateway", a="1")}
    # A public gateway needs the internet gateway of its network.
    gateway = ec2.create_internet_gateway()["InternetGateway"]["InternetGatewayId"]
    ec2.attach_internet_gateway(InternetGatewayId=gateway, VpcId=network)
    made = ec2.create_nat_gateway(**arguments)["NatGateway"]
    nat = made["NatGatewayId"]
    assert made["State"] == "pending" and made["VpcId"] == network and untag(made["Tags"]) == {"a": "1"}, made
    assert ec2.create_nat_gateway(**arguments)["NatGateway"]["NatGatewayId"] == nat
    fails("IdempotentParameterMismatch", ec2.create_nat_gateway, **{**arguments, "ConnectivityType": "private"})
    ec2.get_waiter("nat_gateway_available").wait(NatGatewayIds=[nat], **SPEED)
    found = ec2.describe_nat_gateways(Filter=by_tag("a", "1"))["NatGateways"][0]
    assert found["State"] == "available" and found["NatGatewayAddresses"][0]["AllocationId"] == address, found
    assert found["NatGatewayAddresses"][0]["PublicIp"] and found["NatGatewayAddresses"][0]["PrivateIp"], found
    used = ec2.describe_addresses(AllocationIds=[address])["Addresses"][0]
    assert used["AssociationId"] and used["NetworkInterfaceId"], used
    held = ec2.describe_network_interfaces(NetworkInterfaceIds=[used["NetworkInterfaceId"]])["NetworkInterfaces"][0]
    assert held["InterfaceType"] == "nat_gateway", held
    fails("InvalidIPAddress.InUse", ec2.release_address, AllocationId=address)
    fails("DependencyViolation", ec2.delete_subnet, SubnetId=inside)
    fails("DependencyViolation", ec2.detach_internet_gateway, InternetGatewayId=gateway, VpcId=network)
    ec2.delete_nat_gateway(NatGatewayId=nat)
    ec2.get_waiter("nat_gateway_deleted").wait(NatGatewayIds=[nat], **SPEED)
    query = [{"Name": "state", "Values": ["deleted"]}]
    assert [one["NatGatewayId"] for one in ec2.describe_nat_gateways(Filter=query)["NatGateways"]] == [nat]
    fails("NatGatewayNotFound", ec2.delete_nat_gateway, NatGatewayId="nat-0123456789abcdef0")
    ec2.release_address(AllocationId=address)
    ec2.delete_subnet(SubnetId=inside)


@check
def route_tables(sandbox):
    ec2 = sandbox.client("ec2")
    network = vpc(ec2)
    inside = subnet(ec2, network)
    main = eventually(lambda: ec2.describe_route_tables(
        Filters=[{"Name": "association.main", "Values": ["true"]}, {"Name": "vpc-id", "Values": [network]}])["RouteTables"])
    assert len(main) == 1 and main[0]["Associations"][0]["Main"] is True, main
    assert main[0]["Routes"][0]["GatewayId"] == "local", main
    made = ec2.create_route_table(VpcId=network, ClientToken="t", TagSpecifications=spec("route-table", a="1"))["RouteTable"]
    table = made["RouteTableId"]
    assert ec2.create_route_table(VpcId=network, ClientToken="t", TagSpecifications=spec("route-table", a="1")
                                  )["RouteTable"]["RouteTableId"] == table
    fails("IdempotentParameterMismatch", ec2.create_route_table, VpcId=network, ClientToken="t")
    gateway = ec2.create_internet_gateway()["InternetGateway"]["InternetGatewayId"]
    fails("InvalidGatewayID.NotFound", ec2.create_route, RouteTableId=table, DestinationCidrBlock="0.0.0.0/0",
          GatewayId="igw-0123456789abcdef0")
    ec2.attach_internet_gateway(InternetGatewayId=gateway, VpcId=network)
    route = {"RouteTableId": table, "DestinationCidrBlock": "0.0.0.0/0", "GatewayId": gateway}
    assert ec2.create_route(**route)["Return"] is True
    ec2.create_route(**route)
    second = ec2.create_internet_gateway()["InternetGateway"]["InternetGatewayId"]
    elsewhere = vpc(ec2)
    ec2.attach_internet_gateway(InternetGatewayId=second, VpcId=elsewhere)
    ec2.replace_route(**route)
    fails("InvalidParameterValue", ec2.replace_route, RouteTableId=table, DestinationCidrBlock="9.0.0.0/8", GatewayId=gateway)
    found = ec2.describe_route_tables(RouteTableIds=[table])["RouteTables"][0]
    assert {(one["DestinationCidrBlock"], one["GatewayId"], one["State"]) for one in found["Routes"]} == {
        ("10.0.0.0/16", "local", "active"), ("0.0.0.0/0", gateway, "active")}, found
    association = ec2.associate_route_table(RouteTableId=table, SubnetId=inside)["AssociationId"]
    found = ec2.describe_route_tables(Filters=[{"Name": "association.subnet-id", "Values": [inside]}])["RouteTables"]
    assert [one["RouteTableId"] for one in found] == [table], found
    other = ec2.create_route_table(VpcId=network)["RouteTable"]["RouteTableId"]
    moved = ec2.replace_route_table_association(AssociationId=association, RouteTableId=other)["NewAssociationId"]
    assert moved != association
    fails("InvalidAssociationID.NotFound", ec2.disassociate_route_table, AssociationId=association)
    fails("DependencyViolation", ec2.delete_route_table, RouteTableId=other)
    ec2.disassociate_route_table(AssociationId=moved)
    ec2.delete_route(RouteTableId=table, DestinationCidrBlock="0.0.0.0/0")
    fails("InvalidRoute.NotFound", ec2.delete_route, RouteTableId=table, DestinationCidrBlock="0.0.0.0/0")
    found = pages(ec2, "describe_route_tables", "RouteTables", "MaxResults", 5,
                  Filters=[{"Name": "vpc-id", "Values": [network]}])
    assert len(found) == 3, found
    for one in (table, other):
        ec2.delete_route_table(RouteTableId=one)
    fails("InvalidRouteTableID.NotFound", ec2.delete_route_table, RouteTableId=table)
    fails("DependencyViolation", ec2.delete_route_table, RouteTableId=main[0]["RouteTableId"])


@check
def endpoints(sandbox):
    ec2 = sandbox.client("ec2")
    network = vpc(ec2)
    inside = subnet(ec2, network)
    main = eventually(lambda: ec2.describe_route_tables(
        Filters=[{"Name": "vpc-id", "Values": [network]}])["RouteTables"])[0]["RouteTableId"]
    arguments = {"VpcId": network, "ServiceName": "com.amazonaws.us-east-1.s3", "VpcEndpointType": "Gateway",
                 "RouteTableIds": [main], "ClientToken": "t", "TagSpecifications": spec("vpc-endpoint", a="1")}
    made = ec2.create_vpc_endpoint(**arguments)["VpcEndpoint"]
    endpoint = made["VpcEndpointId"]
    assert ec2.create_vpc_endpoint(**arguments)["VpcEndpoint"]["VpcEndpointId"] == endpoint
    fails("IdempotentParameterMismatch", ec2.create_vpc_endpoint,
          **{**arguments, "ServiceName": "com.amazonaws.us-east-1.dynamodb"})
    found = eventually(lambda: ec2.describe_vpc_endpoints(Filters=by_tag("a", "1"))["VpcEndpoints"])[0]
    assert found["VpcEndpointType"] == "Gateway" and found["RouteTableIds"] == [main], found
    private = ec2.create_vpc_endpoint(VpcId=network, ServiceName="com.amazonaws.us-east-1.ssm", PrivateDnsEnabled=False,
                                      VpcEndpointType="Interface", SubnetIds=[inside])["VpcEndpoint"]["VpcEndpointId"]
    state = lambda one: ec2.describe_vpc_endpoints(VpcEndpointIds=[one])["VpcEndpoints"][0]["State"].lower()
    eventually(lambda: state(private) == "available" and state(endpoint) == "available")
    shown = ec2.describe_vpc_endpoints(VpcEndpointIds=[private])["VpcEndpoints"][0]
    assert all(one["DnsName"] and one["HostedZoneId"].startswith("Z") for one in shown["DnsEntries"]), shown
    held = shown["NetworkInterfaceIds"]
    assert len(held) == 1, held
    kind = ec2.describe_network_interfaces(NetworkInterfaceIds=held)["NetworkInterfaces"][0]["InterfaceType"]
    assert kind == "vpc_endpoint", kind
    fails("DependencyViolation", ec2.delete_subnet, SubnetId=inside)
    ec2.modify_vpc_endpoint(VpcEndpointId=endpoint, RemoveRouteTableIds=[main], PolicyDocument=json.dumps(CLOSED))
    found = ec2.describe_vpc_endpoints(VpcEndpointIds=[endpoint])["VpcEndpoints"][0]
    assert found["RouteTableIds"] == [] and json.loads(found["PolicyDocument"]) == CLOSED, found
    fails("InvalidParameter", ec2.modify_vpc_endpoint, VpcEndpointId=private, AddRouteTableIds=[main])
    fails("InvalidVpcEndpointId.NotFound", ec2.modify_vpc_endpoint, VpcEndpointId="vpce-0123456789abcdef0", ResetPolicy=True)
    answer = ec2.delete_vpc_endpoints(VpcEndpointIds=[endpoint, private, "vpce-0123456789abcdef0"])["Unsuccessful"]
    assert [(one["ResourceId"], one["Error"]["Code"]) for one in answer] == [
        ("vpce-0123456789abcdef0", "InvalidVpcEndpoint.NotFound")], answer

    def gone():
        try:
            ec2.delete_subnet(SubnetId=inside)
            return True
        except ec2.exceptions.ClientError as error:
            assert error.response["Error"]["Code"] == "DependencyViolation", error
            return False

    eventually(gone)
    fails("InvalidServiceName", ec2.create_vpc_endpoint, VpcId=network, ServiceName="com.amazonaws.us-east-1.nothing",
          VpcEndpointType="Gateway", RouteTableIds=[main])


@check
def names_and_subnets_of_endpoints(sandbox):
    ec2 = sandbox.client("ec2")
    network = vpc(ec2)
    ec2.modify_vpc_attribute(VpcId=network, EnableDnsHostnames={"Value": True})
    here, there, near = (subnet(ec2, network, f"10.0.{n}.0/24", f"us-east-1{zone}") for n, zone in enumerate("aba"))
    arguments = {"VpcId": network, "ServiceName": "com.amazonaws.us-east-1.ssm", "VpcEndpointType": "Interface"}
    one = ec2.create_vpc_endpoint(**arguments, SubnetIds=[here])["VpcEndpoint"]["VpcEndpointId"]
    fails("InvalidParameter", ec2.create_vpc_endpoint, **arguments, SubnetIds=[there])
    two = ec2.create_vpc_endpoint(**arguments, SubnetIds=[there], PrivateDnsEnabled=False)["VpcEndpoint"]["VpcEndpointId"]
    shown = lambda one: ec2.describe_vpc_endpoints(VpcEndpointIds=[one])["VpcEndpoints"][0]
    eventually(lambda: all(shown(it)["State"].lower() == "available" for it in (one, two)))
    fails("InvalidParameter", ec2.modify_vpc_endpoint, VpcEndpointId=two, PrivateDnsEnabled=True)
    fails("DuplicateSubnetsInSameZone", ec2.modify_vpc_endpoint, VpcEndpointId=one, AddSubnetIds=[near])
    ec2.modify_vpc_endpoint(VpcEndpointId=one, AddSubnetIds=[there], RemoveSubnetIds=[here])
    eventually(lambda: shown(one)["State"].lower() == "available")
    found = shown(one)
    assert found["SubnetIds"] == [there] and len(found["NetworkInterfaceIds"]) == 1, found
    ec2.delete_subnet(SubnetId=here)


@check
def flow_logs(sandbox):
    ec2 = sandbox.client("ec2")
    network = vpc(ec2)
    arguments = {"ResourceIds": [network], "ResourceType": "VPC", "TrafficType": "REJECT", "LogGroupName": "flow",
                 "DeliverLogsPermissionArn": f"arn:aws:iam::{ACCOUNT}:role/flow", "ClientToken": "t",
                 "TagSpecifications": spec("vpc-flow-log", a="1")}
    made = ec2.create_flow_logs(**arguments)["FlowLogIds"]
    assert ec2.create_flow_logs(**arguments)["FlowLogIds"] == made
    twice = ec2.create_flow_logs(**{**arguments, "ClientToken": "u"})
    assert not twice["FlowLogIds"], twice
    assert twice["Unsuccessful"][0]["Error"]["Code"] == "FlowLogAlreadyExists", twice
    found = eventually(lambda: ec2.describe_flow_logs(Filters=by_tag("a", "1"))["FlowLogs"])[0]
    assert found["FlowLogId"] == made[0] and found["ResourceId"] == network, found
    assert found["MaxAggregationInterval"] == 600 and found["LogDestinationType"] == "cloud-watch-logs", found
    fails("InvalidParameter", ec2.create_flow_logs, ResourceIds=[network], ResourceType="VPC", TrafficType="ALL",
          LogDestinationType="s3")
    fails("InvalidVpcID.NotFound", ec2.create_flow_logs, **{**arguments, "ResourceIds": ["vpc-0123456789abcdef0"],
                                                           "ClientToken": "v"})
    assert ec2.delete_flow_logs(FlowLogIds=made)["Unsuccessful"] == []
    gone = ec2.delete_flow_logs(FlowLogIds=made)["Unsuccessful"]
    assert gone[0]["Error"]["Code"] == "InvalidFlowLogId.NotFound", gone


@check
def throttling_and_cut_connections(sandbox):
    ec2 = sandbox.client("ec2")
    sandbox.faults({"operation": "ec2:CreateVpc", "nth": 1, "action": {"do": "cut-after"}},
                   {"operation": "ec2:CreateVpc", "nth": 2, "action": {"do": "throttle"}},
                   {"operation": "ec2:DescribeSubnets", "action": {"do": "access-denied"}})
    try:
        ec2.create_vpc(CidrBlock="10.0.0.0/16")
    except (botocore.exceptions.ConnectionClosedError, botocore.exceptions.EndpointConnectionError):
        pass
    else:
        raise AssertionError("the connection was not cut")
    fails("RequestLimitExceeded", ec2.create_vpc, status=503, CidrBlock="10.0.0.0/16")
    eventually(lambda: len(ec2.describe_vpcs()["Vpcs"]) == 1)
    fails("UnauthorizedOperation", ec2.describe_subnets, status=403)


@check
def what_is_not_known_is_refused(sandbox):
    ec2 = sandbox.client("ec2")
    refused("ec2:CreateTransitGateway", ec2.create_transit_gateway)
    refused("ec2:CreateLaunchTemplate", ec2.create_launch_template, LaunchTemplateName="t", LaunchTemplateData={})
