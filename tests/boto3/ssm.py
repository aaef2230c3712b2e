"""SSM: parameters, the public ones of images and others."""

from harness import ACCOUNT, REGION, check, fails, pages, refused

AL2023 = "/aws/service/ami-amazon-linux-latest/al2023-ami-kernel-default-x86_64"
DLAMI = "/aws/service/deeplearning/ami/x86_64/oss-nvidia-driver-gpu-pytorch-2.9-ubuntu-24.04/latest/ami-id"


@check
def one_parameter(sandbox):
    ssm = sandbox.client("ssm")
    found = ssm.get_parameter(Name=AL2023)["Parameter"]
    assert found["Name"] == AL2023 and found["Type"] == "String" and found["Version"] == 1, found
    assert found["Value"].startswith("ami-0") and len(found["Value"]) == 21, found
    assert found["ARN"] == f"arn:aws:ssm:us-east-1::parameter{AL2023}", found
    assert found["LastModifiedDate"].year == 2025, found
    again = ssm.get_parameter(Name=AL2023, WithDecryption=True)["Parameter"]
    assert again == found
    elsewhere = sandbox.client("ssm", "eu-west-1").get_parameter(Name=AL2023)["Parameter"]["Value"]
    assert elsewhere != found["Value"]
    fails("ParameterNotFound", ssm.get_parameter, Name="/mine", status=400)
    refused("versions", ssm.get_parameter, Name=AL2023 + ":1")


@check
def several_parameters(sandbox):
    ssm = sandbox.client("ssm")
    answer = ssm.get_parameters(Names=[AL2023, "/aws/service/none", DLAMI])
    assert [found["Name"] for found in answer["Parameters"]] == [AL2023, DLAMI], answer
    assert answer["InvalidParameters"] == ["/aws/service/none"], answer
    fails("ValidationException", ssm.get_parameters, Names=[f"/p{n}" for n in range(11)])
    unchecked = sandbox.client("ssm", parameter_validation=False)
    error = fails("ValidationException", unchecked.get_parameters)
    assert "'names' failed to satisfy constraint: Member must not be null" in str(error), error


@check
def parameters_name_images_that_ec2_knows(sandbox):
    image = sandbox.client("ssm").get_parameter(Name=DLAMI)["Parameter"]["Value"]
    found = sandbox.client("ec2").describe_images(ImageIds=[image])["Images"]
    assert len(found) == 1 and found[0]["ImageId"] == image and found[0]["Architecture"] == "x86_64", found


@check
def what_is_not_known_is_refused(sandbox):
    ssm = sandbox.client("ssm")
    refused("ssm:LabelParameterVersion", ssm.label_parameter_version, Name="/a", Labels=["new"])


@check
def parameters_are_found_by_path(sandbox):
    ssm = sandbox.client("ssm")
    path = "/aws/service/ami-amazon-linux-latest"
    found = pages(ssm, "get_parameters_by_path", "Parameters", "MaxResults", 10, Path=path)
    names = {one["Name"] for one in found}
    assert {AL2023, f"{path}/al2023-ami-kernel-6.1-x86_64", f"{path}/amzn2-ami-hvm-x86_64-gp2"} <= names, names
    assert len(found) == len(names) and all(one["Value"].startswith("ami-") for one in found), found
    assert ssm.get_parameters_by_path(Path="/aws/service")["Parameters"] == []
    assert len(ssm.get_parameters_by_path(Path="/aws/service", Recursive=True)["Parameters"]) == 10
    fails("ValidationException", ssm.get_parameters_by_path, Path="aws")
    fails("ValidationException", ssm.get_parameters_by_path, Path="/aws", MaxResults=11)
    fails("InvalidNextToken", ssm.get_parameters_by_path, Path="/aws", NextToken="x")


def put(ssm, name, value, **parameters):
    return ssm.put_parameter(Name=name, Value=value, **parameters)


@check
def a_parameter_lives(sandbox):
    ssm = sandbox.client("ssm")
    made = put(ssm, "/train/lr", "0.1", Type="String", Description="speed", Tags=[{"Key": "team", "Value": "vision"}])
    assert made["Version"] == 1 and made["Tier"] == "Standard", made
    found = ssm.get_parameter(Name="/train/lr")["Parameter"]
    assert found["Value"] == "0.1" and found["ARN"] == f"arn:aws:ssm:{REGION}:{ACCOUNT}:parameter/train/lr", found
    fails("ParameterAlreadyExists", ssm.put_parameter, Name="/train/lr", Value="1", Type="String")
    tags = [{"Key": "a", "Value": "b"}]
    fails("ValidationException", ssm.put_parameter, Name="/train/lr", Value="1", Overwrite=True, Tags=tags)
    fails("ValidationException", ssm.put_parameter, Name="/train/none", Value="1")
    changed = put(ssm, "/train/lr", "0.2", Overwrite=True, AllowedPattern="^[0-9.]+$", Tier="Advanced")
    assert changed["Version"] == 2 and changed["Tier"] == "Advanced", changed
    fails("ParameterPatternMismatchException", ssm.put_parameter, Name="/train/lr", Value="fast", Overwrite=True)
    fails("ValidationException", ssm.put_parameter, Name="/train/lr", Value="1", Overwrite=True, Tier="Standard")
    (found,) = ssm.describe_parameters(ParameterFilters=[{"Key": "Name", "Values": ["/train/lr"]}])["Parameters"]
    assert found["Description"] == "speed" and found["Tier"] == "Advanced" and found["Version"] == 2, found
    assert [it["Name"] for it in ssm.get_parameters_by_path(Path="/train")["Parameters"]] == ["/train/lr"]
    ssm.delete_parameter(Name="/train/lr")
    fails("ParameterNotFound", ssm.delete_parameter, Name="/train/lr")
    refused("SecureString", ssm.put_parameter, Name="/train/key", Value="x", Type="SecureString")


@check
def names_that_are_not_taken(sandbox):
    ssm = sandbox.client("ssm")
    fails("AccessDeniedException", ssm.put_parameter, Name="/aws/mine", Value="1", Type="String")
    for name in ("awsmine", "ssm", "/ssm/mine", "train/lr", "a b"):
        fails("ValidationException", ssm.put_parameter, Name=name, Value="1", Type="String")
    deep = "/x" * 16
    fails("HierarchyLevelLimitExceededException", ssm.put_parameter, Name=deep, Value="1", Type="String")
    fails("ValidationException", ssm.put_parameter, Name="large", Value="x" * 4097, Type="String")


@check
def parameters_are_listed_and_tagged(sandbox):
    ssm = sandbox.client("ssm")
    for n in range(4):
        put(ssm, f"/a/{n}", "1", Type="String")
    put(ssm, "/b", "1,2", Type="StringList", Tags=[{"Key": "team", "Value": "vision"}])
    named = {"Key": "Name", "Option": "BeginsWith", "Values": ["/a/"]}
    found = pages(ssm, "describe_parameters", "Parameters", "MaxResults", 3, ParameterFilters=[named])
    assert [it["Name"] for it in found] == [f"/a/{n}" for n in range(4)], found
    by_tag = [{"Key": "tag:team", "Values": ["vision"]}]
    assert [it["Name"] for it in ssm.describe_parameters(ParameterFilters=by_tag)["Parameters"]] == ["/b"]
    it = {"ResourceType": "Parameter", "ResourceId": "/b"}
    ssm.add_tags_to_resource(**it, Tags=[{"Key": "x", "Value": "y"}])
    ssm.remove_tags_from_resource(**it, TagKeys=["team"])
    assert ssm.list_tags_for_resource(**it)["TagList"] == [{"Key": "x", "Value": "y"}]
    fails("InvalidResourceId", ssm.list_tags_for_resource, ResourceType="Parameter", ResourceId="/none")


@check
def an_image_is_looked_at_after_the_answer(sandbox):
    ssm = sandbox.client("ssm")
    image = ssm.get_parameter(Name=AL2023)["Parameter"]["Value"]
    for name, value in (("/good", image), ("/bad", "ami-0123456789abcdef0")):
        put(ssm, name, value, Type="String", DataType="aws:ec2:image")
    assert ssm.get_parameter(Name="/good")["Parameter"]["DataType"] == "aws:ec2:image"
    fails("ParameterNotFound", ssm.get_parameter, Name="/bad")
