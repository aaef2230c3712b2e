"""EFS: file systems, mount targets, access points."""

from ec2_network import subnet, vpc
from harness import ACCOUNT, REGION, check, eventually, fails, tags, untag


def made(sandbox, token="t", **more):
    efs = sandbox.client("efs")
    found = efs.create_file_system(CreationToken=token, **more)
    available = lambda: efs.describe_file_systems(FileSystemId=found["FileSystemId"])["FileSystems"][0]
    eventually(lambda: available()["LifeCycleState"] == "available")
    return efs, found["FileSystemId"]


@check
def a_file_system_lives_and_dies(sandbox):
    efs = sandbox.client("efs")
    one = efs.create_file_system(CreationToken="t", Encrypted=True, ThroughputMode="elastic", Backup=True,
                                 Tags=tags({"Name": "n", "a": "1"}))
    fs = one["FileSystemId"]
    assert one["LifeCycleState"] == "creating" and one["Name"] == "n" and untag(one["Tags"])["a"] == "1", one
    assert one["FileSystemArn"] == f"arn:aws:elasticfilesystem:{REGION}:{ACCOUNT}:file-system/{fs}", one
    fails("FileSystemAlreadyExists", efs.create_file_system, status=409, CreationToken="t")
    fails("BadRequest", efs.create_file_system, CreationToken="u", ThroughputMode="provisioned")
    fails("UnsupportedAvailabilityZone", efs.create_file_system, CreationToken="u", AvailabilityZoneName="us-east-1z")
    shown = lambda: efs.describe_file_systems(CreationToken="t")["FileSystems"][0]
    eventually(lambda: shown()["LifeCycleState"] == "available")
    assert shown()["SizeInBytes"]["Value"] == 6144 and shown()["NumberOfMountTargets"] == 0, shown()
    assert efs.describe_backup_policy(FileSystemId=fs)["BackupPolicy"]["Status"] == "ENABLED"
    efs.put_backup_policy(FileSystemId=fs, BackupPolicy={"Status": "DISABLED"})
    assert efs.describe_backup_policy(FileSystemId=fs)["BackupPolicy"]["Status"] == "DISABLED"
    policies = [{"TransitionToIA": "AFTER_30_DAYS"}, {"TransitionToPrimaryStorageClass": "AFTER_1_ACCESS"}]
    assert efs.put_lifecycle_configuration(FileSystemId=fs, LifecyclePolicies=policies)["LifecyclePolicies"] == policies
    assert efs.describe_lifecycle_configuration(FileSystemId=fs)["LifecyclePolicies"] == policies
    assert efs.update_file_system(FileSystemId=fs, ThroughputMode="bursting")["LifeCycleState"] == "updating"
    fails("IncorrectFileSystemLifeCycleState", efs.update_file_system, FileSystemId=fs, ThroughputMode="elastic")
    eventually(lambda: shown()["LifeCycleState"] == "available")
    fails("TooManyRequests", efs.update_file_system, status=429, FileSystemId=fs, ThroughputMode="elastic")
    for name in (fs, one["FileSystemArn"]):
        efs.tag_resource(ResourceId=name, Tags=tags({"b": name}))
        assert untag(efs.list_tags_for_resource(ResourceId=name)["Tags"])["b"] == name
    efs.untag_resource(ResourceId=fs, TagKeys=["a", "b"])
    assert untag(efs.list_tags_for_resource(ResourceId=fs)["Tags"]) == {"Name": "n"}
    efs.delete_file_system(FileSystemId=fs)
    eventually(lambda: not efs.describe_file_systems()["FileSystems"])
    fails("FileSystemNotFound", efs.delete_file_system, status=404, FileSystemId=fs)


@check
def mount_targets(sandbox):
    efs, fs = made(sandbox)
    ec2 = sandbox.client("ec2")
    network = vpc(ec2)
    near, beside = subnet(ec2, network), subnet(ec2, network, cidr="10.0.1.0/24")
    far = subnet(ec2, network, cidr="10.0.2.0/24", zone="us-east-1b")
    group = ec2.create_security_group(GroupName="g", Description="d", VpcId=network)["GroupId"]
    one = efs.create_mount_target(FileSystemId=fs, SubnetId=near, SecurityGroups=[group])
    target = one["MountTargetId"]
    assert one["LifeCycleState"] == "creating" and one["AvailabilityZoneName"] == "us-east-1a", one
    fails("MountTargetConflict", efs.create_mount_target, status=409, FileSystemId=fs, SubnetId=beside)
    fails("SubnetNotFound", efs.create_mount_target, FileSystemId=fs, SubnetId="subnet-0123456789abcdef0")
    fails("SecurityGroupNotFound", efs.create_mount_target, FileSystemId=fs, SubnetId=far,
          SecurityGroups=["sg-0123456789abcdef0"])
    efs.create_mount_target(FileSystemId=fs, SubnetId=far)
    shown = lambda: efs.describe_mount_targets(FileSystemId=fs)["MountTargets"]
    eventually(lambda: all(it["LifeCycleState"] == "available" for it in shown()))
    assert efs.describe_mount_target_security_groups(MountTargetId=target)["SecurityGroups"] == [group]
    efs.modify_mount_target_security_groups(MountTargetId=target, SecurityGroups=[])
    enis = ec2.describe_network_interfaces(Filters=[{"Name": "subnet-id", "Values": [near]}])["NetworkInterfaces"]
    assert enis[0]["InterfaceType"] == "efs" and enis[0]["RequesterManaged"], enis
    fails("FileSystemInUse", efs.delete_file_system, status=409, FileSystemId=fs)
    fails("DependencyViolation", ec2.delete_subnet, SubnetId=near)
    for it in shown():
        efs.delete_mount_target(MountTargetId=it["MountTargetId"])
    eventually(lambda: not shown())
    fails("MountTargetNotFound", efs.delete_mount_target, status=404, MountTargetId=target)
    ec2.delete_subnet(SubnetId=near)


@check
def access_points(sandbox):
    efs, fs = made(sandbox)
    root = {"Path": "/home", "CreationInfo": {"OwnerUid": 1, "OwnerGid": 2, "Permissions": "0750"}}
    arguments = {"FileSystemId": fs, "PosixUser": {"Uid": 1, "Gid": 2}, "RootDirectory": root, "Tags": tags({"a": "1"})}
    one = efs.create_access_point(ClientToken="one", **arguments)
    assert one["RootDirectory"] == root and one["LifeCycleState"] == "available", one
    fails("AccessPointAlreadyExists", efs.create_access_point, status=409, ClientToken="one", **arguments)
    efs.create_access_point(ClientToken="two", FileSystemId=fs)
    found = eventually(lambda: efs.describe_access_points(FileSystemId=fs)["AccessPoints"])
    assert sorted(it["RootDirectory"]["Path"] for it in found) == ["/", "/home"], found
    assert untag(efs.list_tags_for_resource(ResourceId=one["AccessPointId"])["Tags"]) == {"a": "1"}
    efs.delete_access_point(AccessPointId=one["AccessPointArn"])
    fails("AccessPointNotFound", efs.delete_access_point, status=404, AccessPointId=one["AccessPointId"])
    efs.delete_file_system(FileSystemId=fs)
    eventually(lambda: not efs.describe_access_points()["AccessPoints"])
