"""FSx for Lustre: file systems and data repository associations."""

from ec2_network import subnet, vpc
from harness import ACCOUNT, check, eventually, fails, pages, refused, tags, untag


class Ground:
    """A network whose default group lets Lustre through."""

    def __init__(self, sandbox):
        self.fsx, self.ec2 = sandbox.client("fsx"), sandbox.client("ec2")
        self.vpc = vpc(self.ec2)
        self.subnet = subnet(self.ec2, self.vpc)

    def create(self, gib=1200, lustre=None, **more):
        arguments = {"FileSystemType": "LUSTRE", "StorageCapacity": gib, "SubnetIds": [self.subnet],
                     "FileSystemTypeVersion": "2.15",
                     "LustreConfiguration": lustre or {"DeploymentType": "SCRATCH_2"}, **more}
        return self.fsx.create_file_system(**arguments)["FileSystem"]

    def find(self, one):
        return self.fsx.describe_file_systems(FileSystemIds=[one])["FileSystems"][0]

    def state(self, one, state):
        return eventually(lambda: self.find(one)["Lifecycle"] == state)

    def gone(self, one):
        def missing():
            try:
                self.find(one)
            except self.fsx.exceptions.FileSystemNotFound:
                return True
            return False

        return eventually(missing)


@check
def a_file_system_lives_and_dies(sandbox):
    ground = Ground(sandbox)
    made = ground.create(ClientRequestToken="t", Tags=tags({"a": "1"}))
    one = made["FileSystemId"]
    assert made["Lifecycle"] == "CREATING" and made["StorageCapacity"] == 1200 and untag(made["Tags"]) == {"a": "1"}, made
    assert made["ResourceARN"] == f"arn:aws:fsx:us-east-1:{ACCOUNT}:file-system/{one}", made
    assert "KmsKeyId" not in made, made
    lasting = ground.create(lustre={"DeploymentType": "PERSISTENT_2", "PerUnitStorageThroughput": 125})
    assert lasting["KmsKeyId"].startswith(f"arn:aws:kms:us-east-1:{ACCOUNT}:key/"), lasting
    ground.fsx.delete_file_system(FileSystemId=lasting["FileSystemId"])
    ground.gone(lasting["FileSystemId"])
    assert made["LustreConfiguration"]["MountName"] and made["DNSName"].startswith(one), made
    assert ground.create(ClientRequestToken="t", Tags=tags({"a": "1"}))["FileSystemId"] == one
    fails("IncompatibleParameterError", ground.create, gib=2400, ClientRequestToken="t", Tags=tags({"a": "1"}))
    held = ground.ec2.describe_network_interfaces(NetworkInterfaceIds=made["NetworkInterfaceIds"])["NetworkInterfaces"]
    assert held[0]["RequesterManaged"] is True, held
    fails("DependencyViolation", ground.ec2.delete_subnet, SubnetId=ground.subnet)
    try:
        ground.ec2.delete_network_interface(NetworkInterfaceId=made["NetworkInterfaceIds"][0])
    except ground.ec2.exceptions.ClientError:
        pass
    else:
        raise AssertionError("a managed interface was deleted")
    ground.state(one, "AVAILABLE")
    answer = ground.fsx.delete_file_system(FileSystemId=one)
    assert answer["Lifecycle"] == "DELETING", answer
    assert ground.find(one)["Lifecycle"] == "DELETING"
    ground.gone(one)
    ground.ec2.delete_subnet(SubnetId=ground.subnet)
    fails("FileSystemNotFound", ground.fsx.delete_file_system, FileSystemId=one)


@check
def file_systems_are_checked(sandbox):
    ground = Ground(sandbox)
    create = ground.create
    fails("BadRequest", create, gib=1000)
    fails("InvalidPerUnitStorageThroughput", create, lustre={"DeploymentType": "PERSISTENT_2",
                                                             "PerUnitStorageThroughput": 50})
    fails("BadRequest", create, lustre={"DeploymentType": "SCRATCH_2", "AutomaticBackupRetentionDays": 5})
    fails("InvalidNetworkSettings", create, SubnetIds=["subnet-0123456789abcdef0"])
    fails("InvalidNetworkSettings", create, SecurityGroupIds=["sg-0123456789abcdef0"])
    closed = ground.ec2.create_security_group(GroupName="g", Description="d", VpcId=ground.vpc)["GroupId"]
    fails("InvalidNetworkSettings", create, SecurityGroupIds=[closed])
    fails("BadRequest", create, Tags=tags({"a": "[0]"}))
    fails("MissingFileSystemConfiguration", ground.fsx.create_file_system, FileSystemType="LUSTRE", StorageCapacity=1200,
          SubnetIds=[ground.subnet])
    refused("OPENZFS", ground.fsx.create_file_system, FileSystemType="OPENZFS", StorageCapacity=64,
            SubnetIds=[ground.subnet])
    assert ground.fsx.describe_file_systems()["FileSystems"] == []


@check
def file_systems_are_listed_and_tagged(sandbox):
    ground = Ground(sandbox)
    made = [ground.create(Tags=tags({"n": str(n)})) for n in range(5)]
    found = pages(ground.fsx, "describe_file_systems", "FileSystems", "MaxResults", 2)
    assert sorted(one["FileSystemId"] for one in found) == sorted(one["FileSystemId"] for one in made), found
    arn = made[0]["ResourceARN"]
    ground.fsx.tag_resource(ResourceARN=arn, Tags=tags({"n": "9", "b": "1"}))
    assert untag(ground.fsx.list_tags_for_resource(ResourceARN=arn)["Tags"]) == {"n": "9", "b": "1"}
    ground.fsx.untag_resource(ResourceARN=arn, TagKeys=["b"])
    assert untag(ground.find(made[0]["FileSystemId"])["Tags"]) == {"n": "9"}
    missing = arn.replace(made[0]["FileSystemId"], "fs-0123456789abcdef0")
    for call, more in ((ground.fsx.tag_resource, {"Tags": tags({"a": "b"})}),
                       (ground.fsx.untag_resource, {"TagKeys": ["a"]}), (ground.fsx.list_tags_for_resource, {})):
        fails("ResourceNotFound", call, ResourceARN=missing, **more)
    fails("FileSystemNotFound", ground.fsx.describe_file_systems, FileSystemIds=["fs-0123456789abcdef0"])


@check
def file_systems_grow(sandbox):
    ground = Ground(sandbox)
    lustre = {"DeploymentType": "PERSISTENT_2", "PerUnitStorageThroughput": 125}
    one = ground.create(2400, lustre)["FileSystemId"]
    update = ground.fsx.update_file_system
    fails("BadRequest", update, FileSystemId=one, StorageCapacity=4800)
    ground.state(one, "AVAILABLE")
    update(FileSystemId=one, LustreConfiguration={"DataCompressionType": "LZ4"})
    eventually(lambda: ground.find(one)["LustreConfiguration"]["DataCompressionType"] == "LZ4")
    ground.state(one, "AVAILABLE")
    fails("BadRequest", update, FileSystemId=one, StorageCapacity=1200)
    fails("BadRequest", update, FileSystemId=one, StorageCapacity=2401)
    answer = update(FileSystemId=one, StorageCapacity=4800)["FileSystem"]
    assert answer["Lifecycle"] == "UPDATING" or answer["AdministrativeActions"], answer
    eventually(lambda: ground.find(one)["StorageCapacity"] == 4800)
    actions = ground.find(one)["AdministrativeActions"]
    assert actions[0]["AdministrativeActionType"] == "FILE_SYSTEM_UPDATE", actions
    fails("FileSystemNotFound", update, FileSystemId="fs-0123456789abcdef0", StorageCapacity=4800)


@check
def data_repositories(sandbox):
    ground = Ground(sandbox)
    one = ground.create(1200, {"DeploymentType": "PERSISTENT_2", "PerUnitStorageThroughput": 125})["FileSystemId"]
    arguments = {"FileSystemId": one, "FileSystemPath": "/data", "DataRepositoryPath": "s3://a-bucket/data",
                 "BatchImportMetaDataOnCreate": True, "ClientRequestToken": "t", "Tags": tags({"a": "1"}),
                 "S3": {"AutoImportPolicy": {"Events": ["NEW", "CHANGED"]}}}
    create = ground.fsx.create_data_repository_association
    fails("BadRequest", create, **arguments)
    ground.state(one, "AVAILABLE")
    made = create(**arguments)["Association"]
    link = made["AssociationId"]
    assert made["Lifecycle"] == "CREATING" and untag(made["Tags"]) == {"a": "1"}, made
    assert create(**arguments)["Association"]["AssociationId"] == link
    fails("IncompatibleParameterError", create, **{**arguments, "FileSystemPath": "/other"})
    fails("BadRequest", create, **{**arguments, "ClientRequestToken": "u", "FileSystemPath": "/data/sub"})
    fails("FileSystemNotFound", create, **{**arguments, "ClientRequestToken": "v",
                                           "FileSystemId": "fs-0123456789abcdef0"})
    find = lambda **query: ground.fsx.describe_data_repository_associations(**query)["Associations"]
    eventually(lambda: find(AssociationIds=[link])[0]["Lifecycle"] == "AVAILABLE")
    ground.fsx.update_data_repository_association(AssociationId=link, ImportedFileChunkSize=2048)
    eventually(lambda: find(AssociationIds=[link])[0]["ImportedFileChunkSize"] == 2048)
    for n in range(3):
        create(FileSystemId=one, FileSystemPath=f"/n{n}", DataRepositoryPath=f"s3://a-bucket/n{n}")
    query = {"Filters": [{"Name": "file-system-id", "Values": [one]}], "MaxResults": 3}
    first = ground.fsx.describe_data_repository_associations(**query)
    second = ground.fsx.describe_data_repository_associations(**query, NextToken=first["NextToken"])
    assert len(first["Associations"]) == 3 and len(second["Associations"]) == 1 and "NextToken" not in second, second
    assert find(Filters=[{"Name": "file-system-id", "Values": ["fs-0123456789abcdef0"]}]) == []
    eventually(lambda: find(AssociationIds=[link])[0]["Lifecycle"] == "AVAILABLE")
    answer = ground.fsx.delete_data_repository_association(AssociationId=link, DeleteDataInFileSystem=False)
    assert answer["Lifecycle"] == "DELETING", answer
    eventually(lambda: len(find()) == 3)
    fails("DataRepositoryAssociationNotFound", ground.fsx.delete_data_repository_association, AssociationId=link,
          DeleteDataInFileSystem=False)
    fails("DataRepositoryAssociationNotFound", ground.fsx.update_data_repository_association, AssociationId=link)
    fails("DataRepositoryAssociationNotFound", ground.fsx.describe_data_repository_associations, AssociationIds=[link])


@check
def what_is_not_known_is_refused(sandbox):
    fsx = sandbox.client("fsx")
    refused("fsx:CreateVolume", fsx.create_volume, VolumeType="OPENZFS", Name="v")
    refused("fsx:DescribeBackups", fsx.describe_backups)


@check
def data_repository_tasks(sandbox):
    ground = Ground(sandbox)
    fsx = ground.fsx
    one = ground.create(1200, {"DeploymentType": "PERSISTENT_2", "PerUnitStorageThroughput": 125})["FileSystemId"]
    ground.state(one, "AVAILABLE")
    arguments = {"Type": "EXPORT_TO_REPOSITORY", "FileSystemId": one, "Paths": ["/data"], "ClientRequestToken": "t",
                 "Report": {"Enabled": False}, "Tags": tags({"a": "1"})}
    create = lambda **more: fsx.create_data_repository_task(**{**arguments, **more})
    fails("BadRequest", create)
    fsx.create_data_repository_association(FileSystemId=one, FileSystemPath="/data", DataRepositoryPath="s3://a-bucket")
    made = create()["DataRepositoryTask"]
    assert made["Lifecycle"] == "PENDING" and made["Type"] == "EXPORT_TO_REPOSITORY" and "EndTime" not in made, made
    assert create()["DataRepositoryTask"]["TaskId"] == made["TaskId"]
    fails("IncompatibleParameterError", create, Paths=["/other"])
    fails("FileSystemNotFound", create, ClientRequestToken="u", FileSystemId="fs-0123456789abcdef0")
    fails("BadRequest", create, ClientRequestToken="u", Report={"Enabled": True, "Path": "s3://a-bucket/r"})
    fails("BadRequest", create, ClientRequestToken="u", Type="AUTO_RELEASE_DATA")
    report = {"Enabled": True, "Path": "s3://a-bucket/r", "Format": "REPORT_CSV_20191124",
              "Scope": "FAILED_FILES_ONLY"}
    second = create(ClientRequestToken="v", Report=report)["DataRepositoryTask"]
    assert second["Report"] == report, second
    find = lambda **query: fsx.describe_data_repository_tasks(**query)["DataRepositoryTasks"]
    assert len(find(Filters=[{"Name": "file-system-id", "Values": [one]}])) == 2
    assert fsx.cancel_data_repository_task(TaskId=second["TaskId"])["Lifecycle"] == "CANCELED"
    eventually(lambda: find(TaskIds=[made["TaskId"]])[0]["Lifecycle"] == "SUCCEEDED")
    ended = find(TaskIds=[made["TaskId"]])[0]
    assert ended["StartTime"] < ended["EndTime"] and ended["Status"]["FailedCount"] == 0, ended
    fails("DataRepositoryTaskEnded", fsx.cancel_data_repository_task, TaskId=made["TaskId"])
    fails("DataRepositoryTaskNotFound", fsx.cancel_data_repository_task, TaskId="task-0123456789abcdef0")
    done = find(Filters=[{"Name": "task-lifecycle", "Values": ["SUCCEEDED"]}])
    assert [task["TaskId"] for task in done] == [made["TaskId"]], done
    fsx.tag_resource(ResourceARN=made["ResourceARN"], Tags=tags({"b": "2"}))
    assert untag(fsx.list_tags_for_resource(ResourceARN=made["ResourceARN"])["Tags"]) == {"a": "1", "b": "2"}
