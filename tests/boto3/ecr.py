"""ECR: repositories, their policies, and images by their manifests."""

import json

from harness import ACCOUNT, REGION, check, fails, pages, refused

KEY = f"arn:aws:kms:{REGION}:{ACCOUNT}:key/0d1e2f3a-0000-4000-8000-000000000001"


def arn(name):
    return f"arn:aws:ecr:{REGION}:{ACCOUNT}:repository/{name}"


def manifest(size):
    return json.dumps(
        {
            "schemaVersion": 2,
            "mediaType": "application/vnd.oci.image.manifest.v1+json",
            "config": {"size": 10},
            "layers": [{"size": size}],
        }
    )


@check
def a_repository_lives(sandbox):
    ecr = sandbox.client("ecr")
    made = ecr.create_repository(repositoryName="train/llm", tags=[{"Key": "team", "Value": "vision"}])["repository"]
    assert made["repositoryArn"] == arn("train/llm") and made["registryId"] == ACCOUNT, made
    assert made["repositoryUri"] == f"{ACCOUNT}.dkr.ecr.{REGION}.amazonaws.com/train/llm", made
    assert made["imageTagMutability"] == "MUTABLE", made
    assert made["encryptionConfiguration"] == {"encryptionType": "AES256"}, made
    fails("RepositoryAlreadyExistsException", ecr.create_repository, repositoryName="train/llm")
    fails("InvalidParameterException", ecr.create_repository, repositoryName="Train")
    ecr.put_image_tag_mutability(repositoryName="train/llm", imageTagMutability="IMMUTABLE")
    ecr.put_image_scanning_configuration(repositoryName="train/llm", imageScanningConfiguration={"scanOnPush": True})
    (found,) = ecr.describe_repositories(repositoryNames=["train/llm"])["repositories"]
    assert found["imageTagMutability"] == "IMMUTABLE" and found["imageScanningConfiguration"]["scanOnPush"], found
    fails("RepositoryNotFoundException", ecr.describe_repositories, repositoryNames=["train/llm", "none"])
    ecr.delete_repository(repositoryName="train/llm")
    fails("RepositoryNotFoundException", ecr.delete_repository, repositoryName="train/llm")
    ecr.create_repository(repositoryName="sealed", encryptionConfiguration={"encryptionType": "KMS", "kmsKey": KEY})
    (found,) = ecr.describe_repositories()["repositories"]
    assert found["encryptionConfiguration"] == {"encryptionType": "KMS", "kmsKey": KEY}, found
    exclusion = {"repositoryName": "x-y", "imageTagMutability": "IMMUTABLE_WITH_EXCLUSION"}
    refused("IMMUTABLE_WITH_EXCLUSION", ecr.create_repository, **exclusion)


@check
def repositories_are_listed_in_pages(sandbox):
    ecr = sandbox.client("ecr")
    for n in range(5):
        ecr.create_repository(repositoryName=f"r{n}")
    found = pages(ecr, "describe_repositories", "repositories", "maxResults", 2)
    assert [it["repositoryName"] for it in found] == [f"r{n}" for n in range(5)], found


@check
def repositories_have_tags(sandbox):
    ecr = sandbox.client("ecr")
    ecr.create_repository(repositoryName="ab", tags=[{"Key": "a", "Value": "1"}])
    ecr.tag_resource(resourceArn=arn("ab"), tags=[{"Key": "b", "Value": "2"}])
    ecr.untag_resource(resourceArn=arn("ab"), tagKeys=["a"])
    assert ecr.list_tags_for_resource(resourceArn=arn("ab"))["tags"] == [{"Key": "b", "Value": "2"}]
    fails("RepositoryNotFoundException", ecr.list_tags_for_resource, resourceArn=arn("none"))


@check
def policies_of_a_repository(sandbox):
    ecr = sandbox.client("ecr")
    ecr.create_repository(repositoryName="ab")
    rule = {
        "rulePriority": 1,
        "selection": {"tagStatus": "untagged", "countType": "sinceImagePushed", "countUnit": "days", "countNumber": 7},
        "action": {"type": "expire"},
    }
    text = json.dumps({"rules": [rule]})
    fails("LifecyclePolicyNotFoundException", ecr.get_lifecycle_policy, repositoryName="ab")
    ecr.put_lifecycle_policy(repositoryName="ab", lifecyclePolicyText=text)
    assert ecr.get_lifecycle_policy(repositoryName="ab")["lifecyclePolicyText"] == text
    any_image = {"rulePriority": 1, "action": {"type": "expire"},
                 "selection": {"tagStatus": "any", "countType": "imageCountMoreThan", "countNumber": 7}}
    wrong = json.dumps({"rules": [any_image, {**rule, "rulePriority": 2}]})
    fails("InvalidParameterException", ecr.put_lifecycle_policy, repositoryName="ab", lifecyclePolicyText=wrong)
    ecr.delete_lifecycle_policy(repositoryName="ab")
    fails("LifecyclePolicyNotFoundException", ecr.delete_lifecycle_policy, repositoryName="ab")

    fails("RepositoryPolicyNotFoundException", ecr.get_repository_policy, repositoryName="ab")
    allow = {"Effect": "Allow", "Principal": {"AWS": "111122223333"}, "Action": "ecr:BatchGetImage"}
    ecr.set_repository_policy(repositoryName="ab", policyText=json.dumps({"Version": "2012-10-17", "Statement": [allow]}))
    kept = json.loads(ecr.get_repository_policy(repositoryName="ab")["policyText"])
    assert kept["Statement"][0]["Principal"] == {"AWS": "arn:aws:iam::111122223333:root"}, kept
    role = {"AWS": f"arn:aws:iam::{ACCOUNT}:role/none"}
    for change in ({"Resource": "*"}, {"Principal": role}):
        text = json.dumps({"Version": "2012-10-17", "Statement": [{**allow, **change}]})
        fails("InvalidParameterException", ecr.set_repository_policy, repositoryName="ab", policyText=text)
    ecr.delete_repository_policy(repositoryName="ab")
    fails("RepositoryPolicyNotFoundException", ecr.delete_repository_policy, repositoryName="ab")


@check
def images_are_pushed_and_removed(sandbox):
    ecr = sandbox.client("ecr")
    ecr.create_repository(repositoryName="ab")
    put = lambda size, tag: ecr.put_image(repositoryName="ab", imageManifest=manifest(size), imageTag=tag)
    first = put(100, "one")["image"]["imageId"]
    fails("ImageAlreadyExistsException", put, size=100, tag="one")
    put(200, "one")
    images = ecr.describe_images(repositoryName="ab")["imageDetails"]
    assert sorted((it["imageSizeInBytes"], it.get("imageTags")) for it in images) == [(110, None), (210, ["one"])], images
    (untagged,) = ecr.describe_images(repositoryName="ab", filter={"tagStatus": "UNTAGGED"})["imageDetails"]
    assert untagged["imageDigest"] == first["imageDigest"], untagged
    fails("ImageNotFoundException", ecr.describe_images, repositoryName="ab", imageIds=[{"imageTag": "two"}])
    fails("RepositoryNotEmptyException", ecr.delete_repository, repositoryName="ab")
    assert len(ecr.list_images(repositoryName="ab")["imageIds"]) == 2
    ecr.put_image_tag_mutability(repositoryName="ab", imageTagMutability="IMMUTABLE")
    fails("ImageTagAlreadyExistsException", put, size=300, tag="one")
    done = ecr.batch_delete_image(repositoryName="ab", imageIds=[{"imageTag": "one"}, {"imageTag": "two"}])
    assert len(done["imageIds"]) == 1 and done["failures"][0]["failureCode"] == "ImageNotFound", done
    ecr.delete_repository(repositoryName="ab", force=True)
