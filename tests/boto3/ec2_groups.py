"""EC2: security groups and placement groups."""

from ec2_network import SPEED, by_tag, spec, vpc
from harness import check, eventually, fails, pages, refused, untag


@check
def security_groups(sandbox):
    ec2 = sandbox.client("ec2")
    network = vpc(ec2)
    made = ec2.create_security_group(GroupName="g", Description="d", VpcId=network,
                                     TagSpecifications=spec("security-group", a="1"))
    group = made["GroupId"]
    assert untag(made["Tags"]) == {"a": "1"}, made
    create = ec2.create_security_group
    fails("InvalidGroup.Duplicate", create, GroupName="g", Description="d", VpcId=network)
    fails("InvalidVpcID.NotFound", create, GroupName="g", Description="d", VpcId="vpc-0123456789abcdef0")
    fails("InvalidParameterValue", create, GroupName="sg-x", Description="d", VpcId=network)
    ec2.get_waiter("security_group_exists").wait(GroupIds=[group], **SPEED)
    found = ec2.describe_security_groups(GroupIds=[group])["SecurityGroups"][0]
    assert found["IpPermissions"] == [] and found["IpPermissionsEgress"][0]["IpProtocol"] == "-1", found
    ssh = {"IpProtocol": "tcp", "FromPort": 22, "ToPort": 22,
           "IpRanges": [{"CidrIp": "10.0.0.0/8", "Description": "inside"}]}
    every = {"IpProtocol": "-1", "UserIdGroupPairs": [{"GroupId": group}]}
    answer = ec2.authorize_security_group_ingress(GroupId=group, IpPermissions=[ssh, every],
                                                  TagSpecifications=spec("security-group-rule", r="1"))
    rules = answer["SecurityGroupRules"]
    assert len(rules) == 2 and all(rule["SecurityGroupRuleId"].startswith("sgr-") for rule in rules), rules
    fails("InvalidPermission.Duplicate", ec2.authorize_security_group_ingress, GroupId=group, IpPermissions=[ssh])
    found = ec2.describe_security_groups(Filters=by_tag("a", "1"))["SecurityGroups"][0]
    assert len(found["IpPermissions"]) == 2, found
    query = [{"Name": "group-id", "Values": [group]}]
    found = pages(ec2, "describe_security_group_rules", "SecurityGroupRules", "MaxResults", 5, Filters=query)
    assert sorted(rule["IsEgress"] for rule in found) == [False, False, True], found
    found = ec2.describe_security_group_rules(Filters=by_tag("r", "1"))["SecurityGroupRules"]
    assert len(found) == 2, found
    changed = {**ssh, "IpRanges": [{"CidrIp": "10.0.0.0/8", "Description": "other"}]}
    ec2.update_security_group_rule_descriptions_ingress(GroupId=group, IpPermissions=[changed])
    found = ec2.describe_security_groups(GroupIds=[group])["SecurityGroups"][0]["IpPermissions"]
    assert [one["IpRanges"][0]["Description"] for one in found if one["IpRanges"]] == ["other"], found
    out = {"IpProtocol": "tcp", "FromPort": 443, "ToPort": 443, "IpRanges": [{"CidrIp": "0.0.0.0/0"}]}
    rule = ec2.authorize_security_group_egress(GroupId=group, IpPermissions=[out])["SecurityGroupRules"][0]
    assert rule["IsEgress"] is True, rule
    described = {**out, "IpRanges": [{"CidrIp": "0.0.0.0/0", "Description": "web"}]}
    ec2.update_security_group_rule_descriptions_egress(GroupId=group, IpPermissions=[described])
    ec2.revoke_security_group_egress(GroupId=group, SecurityGroupRuleIds=[rule["SecurityGroupRuleId"]])
    ec2.revoke_security_group_ingress(GroupId=group, IpPermissions=[every])
    fails("InvalidPermission.NotFound", ec2.revoke_security_group_ingress, GroupId=group, IpPermissions=[every])
    other = create(GroupName="h", Description="d", VpcId=network)["GroupId"]
    pair = {"IpProtocol": "-1", "UserIdGroupPairs": [{"GroupId": group}]}
    ec2.authorize_security_group_ingress(GroupId=other, IpPermissions=[pair])
    fails("DependencyViolation", ec2.delete_security_group, GroupId=group)
    fails("DependencyViolation", ec2.delete_vpc, VpcId=network)
    ec2.delete_security_group(GroupId=other)
    ec2.delete_security_group(GroupId=group)
    fails("InvalidGroup.NotFound", ec2.delete_security_group, GroupId=group)
    fails("InvalidGroup.NotFound", ec2.describe_security_groups, GroupIds=[group])
    default = ec2.describe_security_groups(Filters=[{"Name": "vpc-id", "Values": [network]}])["SecurityGroups"]
    assert [one["GroupName"] for one in default] == ["default"], default
    fails("CannotDelete", ec2.delete_security_group, GroupId=default[0]["GroupId"])
    ec2.delete_vpc(VpcId=network)


@check
def placement_groups(sandbox):
    ec2 = sandbox.client("ec2")
    made = ec2.create_placement_group(GroupName="g", Strategy="cluster", TagSpecifications=spec("placement-group", a="1"))
    made = made["PlacementGroup"]
    assert made["Strategy"] == "cluster" and made["GroupId"].startswith("pg-"), made
    fails("InvalidPlacementGroup.Duplicate", ec2.create_placement_group, GroupName="g", Strategy="cluster")
    found = eventually(lambda: ec2.describe_placement_groups(Filters=by_tag("a", "1"))["PlacementGroups"])
    assert found[0]["GroupName"] == "g" and found[0]["State"] == "available", found
    fails("InvalidPlacementGroup.Unknown", ec2.describe_placement_groups, GroupNames=["h"])
    fails("InvalidPlacementGroup.Unknown", ec2.delete_placement_group, GroupName="h")
    fails("InvalidParameterValue", ec2.create_placement_group, GroupName="p", Strategy="partition", PartitionCount=8)
    parts = ec2.create_placement_group(GroupName="p", Strategy="partition")["PlacementGroup"]
    assert parts["PartitionCount"] == 2, parts
    ec2.delete_placement_group(GroupName="p")
    ec2.delete_placement_group(GroupName="g")
    eventually(lambda: ec2.describe_placement_groups()["PlacementGroups"] == [])


@check
def groups_and_rules_are_refused_in_ec2s_words(sandbox):
    ec2 = sandbox.client("ec2")
    network = vpc(ec2)
    group = ec2.create_security_group(GroupName="g", Description="d", VpcId=network)["GroupId"]
    # The account has no default VPC, which is what names and a missing VPC mean.
    fails("VPCIdNotSpecified", ec2.create_security_group, GroupName="h", Description="d")
    fails("VPCIdNotSpecified", ec2.describe_security_groups, GroupNames=["g"])
    fails("VPCIdNotSpecified", ec2.delete_security_group, GroupName="g")
    fails("MissingParameter", ec2.delete_security_group)
    rule = {"IpProtocol": "tcp", "FromPort": 1, "ToPort": 2, "IpRanges": [{"CidrIp": "10.0.0.0/8"}]}
    error = fails("InvalidParameterValue", ec2.authorize_security_group_ingress, GroupId=group,
                  IpPermissions=[rule, rule])
    assert error.response["Error"]["Message"] == "The same permission must not appear multiple times", error
    by = lambda value: {"Filters": [{"Name": "group-id", "Values": [value]}]}
    fails("InvalidGroupId.Malformed", ec2.describe_security_group_rules, **by("group"))
    assert ec2.describe_security_group_rules(**by(group))["SecurityGroupRules"]


@check
def what_is_not_simulated_is_said_before_anything_else(sandbox):
    # Each lacks what the handler wants, and has what AWS takes in its place.
    ec2 = sandbox.client("ec2")
    network = vpc(ec2)
    group = ec2.create_security_group(GroupName="g", Description="d", VpcId=network)["GroupId"]
    flat = dict(IpProtocol="tcp", FromPort=1, ToPort=2, CidrIp="10.0.0.0/8")
    refused("CidrIp", ec2.authorize_security_group_ingress, GroupId=group, **flat)
    refused("CidrIp", ec2.revoke_security_group_egress, GroupId=group, **flat)
    table = ec2.create_route_table(VpcId=network)["RouteTable"]["RouteTableId"]
    refused("DestinationIpv6CidrBlock", ec2.create_route, RouteTableId=table, DestinationIpv6CidrBlock="::/0")
    refused("DestinationPrefixListId", ec2.delete_route, RouteTableId=table, DestinationPrefixListId="pl-1")
    refused("SourceDestCheck", ec2.modify_instance_attribute, InstanceId="i-0123456789abcdef0",
            SourceDestCheck={"Value": True})
    refused("AssignIpv6AddressOnCreation", ec2.modify_subnet_attribute, SubnetId="subnet-0123456789abcdef0",
            AssignIpv6AddressOnCreation={"Value": True})
    fails("InvalidParameterValue", ec2.release_address, PublicIp="198.18.0.1")
    fails("InvalidAddress.NotFound", ec2.describe_addresses, PublicIps=["198.18.0.1"])
