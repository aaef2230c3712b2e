"""SSM: public image parameters."""

from harness import check, fails, pages, refused

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
    refused("ssm:PutParameter", ssm.put_parameter, Name="/a", Value="b", Type="String")


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
