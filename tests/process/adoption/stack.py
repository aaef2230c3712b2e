"""Makes a small training stack with boto3, as somebody without dlinfra would, and writes the Terraform state of it.

Usage: stack.py URL FOLDER. The state has the shape that Terraform 1.11 with the AWS provider 5 writes; the values that
dlinfra must never show hold the word HUNTER2.
"""

import json
import sys
import time

import boto3
from botocore.config import Config

URL, FOLDER = sys.argv[1:3]
REGION = "us-east-1"
SECRET = "HUNTER2"
SCRIPT = "#!/bin/bash\necho ready > /var/log/ready\n"


def client(service):
    return boto3.client(
        service,
        region_name=REGION,
        endpoint_url=URL,
        aws_access_key_id="AKIASANDBOX",
        aws_secret_access_key="none",
        config=Config(s3={"addressing_style": "path"}),
    )


ec2, iam, s3, fsx, ssm = (client(name) for name in ("ec2", "iam", "s3", "fsx", "ssm"))
RESOURCES = []


def state(tf_type, name, *instances, module=None, mode="managed"):
    """One resource of the state; an instance is its attributes, or a pair of index key and attributes."""
    rows = []
    for instance in instances:
        key, attributes = instance if isinstance(instance, tuple) else (None, instance)
        row = {"schema_version": 1, "attributes": attributes, "sensitive_attributes": [], "private": "eyJ4IjoxfQ=="}
        if key is not None:
            row["index_key"] = key
        rows.append(row)
    row = {"mode": mode, "type": tf_type, "name": name, "instances": rows}
    row["provider"] = 'provider["registry.terraform.io/hashicorp/aws"]'
    if module:
        row["module"] = module
    RESOURCES.append(row)


def until(ready, what):
    for _ in range(600):
        if ready():
            return
        time.sleep(0.05)
    sys.exit(f"{what} is not ready")


def named(name, kind):
    return [{"ResourceType": kind, "Tags": [{"Key": "Name", "Value": name}]}]


# Network: one zone, public and private.
vpc = ec2.create_vpc(CidrBlock="10.30.0.0/16", TagSpecifications=named("acme", "vpc"))["Vpc"]["VpcId"]
until(lambda: ec2.describe_vpcs(VpcIds=[vpc])["Vpcs"][0]["State"] == "available", vpc)
ec2.modify_vpc_attribute(VpcId=vpc, EnableDnsHostnames={"Value": True})
state("aws_vpc", "main", {"id": vpc, "cidr_block": "10.30.0.0/16", "tags": {"Name": "acme"}}, module="module.net")

igw = ec2.create_internet_gateway()["InternetGateway"]["InternetGatewayId"]
ec2.attach_internet_gateway(InternetGatewayId=igw, VpcId=vpc)
state("aws_internet_gateway", "this", {"id": igw, "vpc_id": vpc}, module="module.net")

subnets = {}
for name, cidr in (("public", "10.30.240.0/24"), ("private", "10.30.0.0/20")):
    made = ec2.create_subnet(VpcId=vpc, CidrBlock=cidr, AvailabilityZone="us-east-1a")
    subnets[name] = made["Subnet"]["SubnetId"]
    state("aws_subnet", name, ("us-east-1a", {"id": subnets[name], "cidr_block": cidr}), module="module.net")

eip = ec2.allocate_address(Domain="vpc")["AllocationId"]
nat = ec2.create_nat_gateway(SubnetId=subnets["public"], AllocationId=eip)["NatGateway"]["NatGatewayId"]
until(lambda: ec2.describe_nat_gateways(NatGatewayIds=[nat])["NatGateways"][0]["State"] == "available", nat)
state("aws_eip", "nat", {"id": eip, "allocation_id": eip}, module="module.net")
state("aws_nat_gateway", "this", {"id": nat, "allocation_id": eip}, module="module.net")

for name, target in (("public", {"GatewayId": igw}), ("private", {"NatGatewayId": nat})):
    table = ec2.create_route_table(VpcId=vpc)["RouteTable"]["RouteTableId"]
    ec2.create_route(RouteTableId=table, DestinationCidrBlock="0.0.0.0/0", **target)
    joined = ec2.associate_route_table(RouteTableId=table, SubnetId=subnets[name])["AssociationId"]
    state("aws_route_table", name, {"id": table, "vpc_id": vpc}, module="module.net")
    state("aws_route_table_association", name, {"id": joined, "route_table_id": table}, module="module.net")

group = ec2.create_security_group(GroupName="acme-train", Description="train", VpcId=vpc)["GroupId"]
to_itself = [{"IpProtocol": "-1", "UserIdGroupPairs": [{"GroupId": group}]}]
ec2.authorize_security_group_ingress(GroupId=group, IpPermissions=to_itself)
state("aws_security_group", "train", {"id": group, "name": "acme-train", "vpc_id": vpc})

# Data.
bucket = "acme-adopted-corpus"
s3.create_bucket(Bucket=bucket, ObjectOwnership="BucketOwnerEnforced")
s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
arn = f"arn:aws:s3:::{bucket}"
statement = {"Sid": "DlinfraTlsOnly", "Effect": "Deny", "Principal": "*", "Action": "s3:*"}
statement |= {"Resource": [arn, f"{arn}/*"], "Condition": {"Bool": {"aws:SecureTransport": "false"}}}
s3.put_bucket_policy(Bucket=bucket, Policy=json.dumps({"Version": "2012-10-17", "Statement": [statement]}))
rule = {"ID": "uploads", "Status": "Enabled", "Filter": {"Prefix": ""}}
rule["AbortIncompleteMultipartUpload"] = {"DaysAfterInitiation": 7}
s3.put_bucket_lifecycle_configuration(Bucket=bucket, LifecycleConfiguration={"Rules": [rule]})
s3.put_object(Bucket=bucket, Key="shard-0", Body=b"0123456789")
s3.put_bucket_tagging(Bucket=bucket, Tagging={"TagSet": [{"Key": "team", "Value": "ml"}]})
state("aws_s3_bucket", "corpus", {"id": bucket, "arn": arn})
state("aws_s3_bucket_versioning", "corpus", {"id": bucket, "bucket": bucket})

system = fsx.create_file_system(
    FileSystemType="LUSTRE",
    StorageCapacity=1200,
    StorageType="SSD",
    FileSystemTypeVersion="2.15",
    SubnetIds=[subnets["private"]],
    SecurityGroupIds=[group],
    LustreConfiguration={"DeploymentType": "SCRATCH_2", "DataCompressionType": "LZ4"},
)["FileSystem"]
system_id, system_arn = system["FileSystemId"], system["ResourceARN"]
describe = lambda: fsx.describe_file_systems(FileSystemIds=[system_id])["FileSystems"][0]
until(lambda: describe()["Lifecycle"] == "AVAILABLE", system_id)
link = fsx.create_data_repository_association(
    FileSystemId=system_id,
    FileSystemPath="/data",
    DataRepositoryPath=f"s3://{bucket}",
    BatchImportMetaDataOnCreate=True,
    S3={"AutoImportPolicy": {"Events": ["NEW", "CHANGED", "DELETED"]}},
)["Association"]["AssociationId"]
links = lambda: fsx.describe_data_repository_associations(AssociationIds=[link])["Associations"][0]
until(lambda: links()["Lifecycle"] == "AVAILABLE", link)
state("aws_fsx_lustre_file_system", "cache", {"id": system_id, "arn": system_arn})
state("aws_fsx_data_repository_association", "cache", {"id": link, "file_system_id": system_id})

# Machines: a role whose profile has another name, and two instances that started with a script.
trust = {"Effect": "Allow", "Principal": {"Service": "ec2.amazonaws.com"}, "Action": "sts:AssumeRole"}
trust = json.dumps({"Version": "2012-10-17", "Statement": [trust]})
role = iam.create_role(RoleName="acme-train", AssumeRolePolicyDocument=trust)["Role"]
read = {"Effect": "Allow", "Action": ["s3:GetObject"], "Resource": [f"{arn}/*"]}
document = json.dumps({"Version": "2012-10-17", "Statement": [read]})
iam.put_role_policy(RoleName="acme-train", PolicyName="read", PolicyDocument=document)
managed = "arn:aws:iam::aws:policy/AmazonSSMManagedInstanceCore"
iam.attach_role_policy(RoleName="acme-train", PolicyArn=managed)
profile = iam.create_instance_profile(InstanceProfileName="acme-train-machines")["InstanceProfile"]
iam.add_role_to_instance_profile(InstanceProfileName="acme-train-machines", RoleName="acme-train")
time.sleep(1)
state("aws_iam_role", "train", {"id": "acme-train", "arn": role["Arn"], "name": "acme-train"})
state("aws_iam_role_policy", "read", {"id": "acme-train:read", "role": "acme-train"})
state("aws_iam_role_policy_attachment", "ssm", {"id": "acme-train-1", "role": "acme-train", "policy_arn": managed})
state("aws_iam_instance_profile", "train", {"id": "acme-train-machines", "role": "acme-train"})

parameter = "/aws/service/ami-amazon-linux-latest/al2023-ami-kernel-default-x86_64"
image = ssm.get_parameter(Name=parameter)["Parameter"]["Value"]
run = dict(
    ImageId=image,
    InstanceType="t3.small",
    MinCount=2,
    MaxCount=2,
    SubnetId=subnets["private"],
    SecurityGroupIds=[group],
    IamInstanceProfile={"Name": "acme-train-machines"},
    MetadataOptions={"HttpTokens": "required", "HttpPutResponseHopLimit": 1},
    BlockDeviceMappings=[{"DeviceName": "/dev/xvda", "Ebs": {"VolumeSize": 30, "VolumeType": "gp3", "Encrypted": True}}],
    UserData=SCRIPT,
)
instances = [i["InstanceId"] for i in ec2.run_instances(**run)["Instances"]]
running = lambda: ec2.describe_instances(InstanceIds=instances)["Reservations"]
until(lambda: all(i["State"]["Name"] == "running" for r in running() for i in r["Instances"]), "the instances")
rows = [(n, {"id": i, "instance_type": "t3.small", "user_data": SECRET}) for n, i in enumerate(instances)]
state("aws_instance", "node", *rows)

# What dlinfra has no kind for, and what Terraform only reads.
state("aws_db_instance", "experiments", {"id": "db-1", "password": SECRET})
state("aws_ami", "al2023", {"id": image}, mode="data")

with open(f"{FOLDER}/terraform.tfstate", "w", encoding="utf-8") as file:
    outputs = {"token": {"value": SECRET, "type": "string", "sensitive": True}}
    whole = {"version": 4, "terraform_version": "1.11.4", "serial": 7, "lineage": "5e1f", "outputs": outputs}
    json.dump(whole | {"resources": RESOURCES, "check_results": None}, file, indent=2)
with open(f"{FOLDER}/bootstrap.sh", "w", encoding="utf-8") as file:
    file.write(SCRIPT)
ids = {"vpc": vpc, "nat": nat, "eip": eip, "instances": instances, "system": system_id, "link": link, "group": group}
print(json.dumps(ids | {"bucket": bucket, "igw": igw, "private": subnets["private"], "public": subnets["public"]}))
