"""SageMaker hosting and Application Auto Scaling: models, configurations, endpoints that change under load."""

import json

from harness import ACCOUNT, REGION, check, eventually, fails, pages, refused, tags, untag

IMAGE = f"{ACCOUNT}.dkr.ecr.{REGION}.amazonaws.com/serve:1"
# The sandbox is served so that containers of this image never answer.
SICK = f"{ACCOUNT}.dkr.ecr.{REGION}.amazonaws.com/never-ready:1"
TRUST = {"Version": "2012-10-17", "Statement": [
    {"Effect": "Allow", "Principal": {"Service": "sagemaker.amazonaws.com"}, "Action": "sts:AssumeRole"}]}
VARIANT = {"VariantName": "main", "InstanceType": "ml.g5.xlarge", "InitialInstanceCount": 1}
SCALED = {"ServiceNamespace": "sagemaker", "ResourceId": "endpoint/e/variant/main",
          "ScalableDimension": "sagemaker:variant:DesiredInstanceCount"}


def arn(tail):
    return f"arn:aws:sagemaker:{REGION}:{ACCOUNT}:{tail}"


def says(text, call, code="ValidationException", **parameters):
    error = fails(code, call, **parameters)
    found = error.response["Error"]["Message"]
    assert text in found, f"{text!r} is not in: {found}"


def role(sandbox, name="serve"):
    made = sandbox.client("iam").create_role(RoleName=name, AssumeRolePolicyDocument=json.dumps(TRUST))
    return made["Role"]["Arn"]


def model(sandbox, name, role_arn, image=IMAGE, **more):
    sagemaker = sandbox.client("sagemaker")
    container = {"Image": image, **more.pop("container", {})}

    def made():
        try:
            return sagemaker.create_model(
                ModelName=name, ExecutionRoleArn=role_arn, PrimaryContainer=container, **more)
        except sagemaker.exceptions.ClientError as error:
            # A new role is known to SageMaker some seconds later.
            if "Could not assume role" in error.response["Error"]["Message"]:
                return None
            raise

    return eventually(made)["ModelArn"]


def config(sandbox, name, model_name, **variant):
    variants = [{**VARIANT, "ModelName": model_name, **variant}]
    return sandbox.client("sagemaker").create_endpoint_config(EndpointConfigName=name, ProductionVariants=variants)


def status(sandbox, name="e"):
    return sandbox.client("sagemaker").describe_endpoint(EndpointName=name)["EndpointStatus"]


def settled(sandbox, name="e"):
    return eventually(lambda: status(sandbox, name) in ("InService", "Failed") and status(sandbox, name))


def served(sandbox, name="e"):
    answer = sandbox.client("sagemaker-runtime").invoke_endpoint(EndpointName=name, Body=b"{}")
    assert answer["InvokedProductionVariant"] == "main", answer
    return json.loads(answer["Body"].read())["model"]


@check
def a_model_lives(sandbox):
    sagemaker, arn_of_role = sandbox.client("sagemaker"), role(sandbox)
    container = {"Environment": {"A": "1"}}
    assert model(sandbox, "m", arn_of_role, container=container, Tags=tags({"a": "1"})) == arn("model/m")
    found = sagemaker.describe_model(ModelName="m")
    assert found["PrimaryContainer"] == {"Image": IMAGE, "Environment": {"A": "1"}}, found
    assert found["ExecutionRoleArn"] == arn_of_role and found["EnableNetworkIsolation"] is False, found
    says("Cannot create already existing model", sagemaker.create_model, ModelName="m", ExecutionRoleArn=arn_of_role,
         PrimaryContainer={"Image": IMAGE})
    says("Using non-ECR image", sagemaker.create_model, ModelName="n", ExecutionRoleArn=arn_of_role,
         PrimaryContainer={"Image": "nginx"})
    assert untag(sagemaker.list_tags(ResourceArn=arn("model/m"))["Tags"]) == {"a": "1"}
    sagemaker.add_tags(ResourceArn=arn("model/m"), Tags=tags({"b": "2"}))
    sagemaker.delete_tags(ResourceArn=arn("model/m"), TagKeys=["a"])
    assert untag(sagemaker.list_tags(ResourceArn=arn("model/m"))["Tags"]) == {"b": "2"}
    for name in ("m2", "m3"):
        model(sandbox, name, arn_of_role)
    assert len(pages(sagemaker, "list_models", "Models", "MaxResults", 2)) == 3
    assert [one["ModelName"] for one in sagemaker.list_models(NameContains="2")["Models"]] == ["m2"]
    sagemaker.delete_model(ModelName="m")
    says("Could not find model", sagemaker.describe_model, ModelName="m")
    says("Could not find model", sagemaker.delete_model, ModelName="m")


@check
def a_model_needs_its_data_and_its_role(sandbox):
    sagemaker, s3, arn_of_role = sandbox.client("sagemaker"), sandbox.client("s3"), role(sandbox)
    s3.create_bucket(Bucket="weights")

    def source(uri, kind="S3Prefix"):
        where = {"S3Uri": uri, "S3DataType": kind, "CompressionType": "None"}
        return {"container": {"ModelDataSource": {"S3DataSource": where}}}

    model(sandbox, "first", arn_of_role)
    says("Could not find model data", model, sandbox=sandbox, name="m", role_arn=arn_of_role,
         **source("s3://weights/v1/"))
    says("must end with a forward slash", model, sandbox=sandbox, name="m", role_arn=arn_of_role,
         **source("s3://weights/v1"))
    s3.put_object(Bucket="weights", Key="v1/model.bin", Body=b"w")
    model(sandbox, "m", arn_of_role, **source("s3://weights/v1/"))
    model(sandbox, "o", arn_of_role, **source("s3://weights/v1/model.bin", "S3Object"))
    says("Could not assume role", sagemaker.create_model, ModelName="x", PrimaryContainer={"Image": IMAGE},
         ExecutionRoleArn=f"arn:aws:iam::{ACCOUNT}:role/nobody")


@check
def a_configuration_is_checked(sandbox):
    sagemaker = sandbox.client("sagemaker")
    model(sandbox, "m", role(sandbox))

    def bad(text, **variant):
        fields = {**VARIANT, "ModelName": "m", **variant}
        kept = {name: value for name, value in fields.items() if value is not None}
        says(text, sagemaker.create_endpoint_config, EndpointConfigName="c", ProductionVariants=[kept])

    bad("Could not find model", ModelName="x")
    bad("VolumeSize parameter is not allowed", VolumeSizeInGB=50)
    bad("InstanceType and InitialInstanceCount", InstanceType=None)
    bad("either a ServerlessConfig", ServerlessConfig={"MemorySizeInMB": 2048, "MaxConcurrency": 5})
    config(sandbox, "c", "m", InstanceType="ml.m5.xlarge", VolumeSizeInGB=50)
    found = sagemaker.describe_endpoint_config(EndpointConfigName="c")
    assert found["ProductionVariants"][0]["VolumeSizeInGB"] == 50, found
    assert found["MetricsConfig"] == {"EnableDetailedObservability": True}, found
    says("Cannot create already existing endpoint configuration", config, sandbox=sandbox, name="c", model_name="m")
    config(sandbox, "d", "m")
    listed = pages(sagemaker, "list_endpoint_configs", "EndpointConfigs", "MaxResults", 1)
    assert [one["EndpointConfigName"] for one in listed] == ["c", "d"], listed
    sagemaker.delete_endpoint_config(EndpointConfigName="c")
    says("Could not find endpoint configuration", sagemaker.delete_endpoint_config, EndpointConfigName="c")


@check
def an_endpoint_moves_without_an_outage(sandbox):
    sagemaker, arn_of_role = sandbox.client("sagemaker"), role(sandbox)
    for version in ("v1", "v2"):
        model(sandbox, version, arn_of_role)
        config(sandbox, version, version)
    sagemaker.create_endpoint(EndpointName="e", EndpointConfigName="v1", Tags=tags({"a": "1"}))
    assert status(sandbox) == "Creating"
    says("Cannot update in-progress endpoint", sagemaker.delete_endpoint, EndpointName="e")
    says("Cannot create already existing endpoint", sagemaker.create_endpoint, EndpointName="E", EndpointConfigName="v1")
    fails("ValidationError", sandbox.client("sagemaker-runtime").invoke_endpoint, EndpointName="e", Body=b"")
    assert settled(sandbox) == "InService" and served(sandbox) == "v1"
    canary = {"Type": "CANARY", "CanarySize": {"Type": "CAPACITY_PERCENT", "Value": 50}, "WaitIntervalInSeconds": 600}
    sagemaker.update_endpoint(EndpointName="e", EndpointConfigName="v2", DeploymentConfig={
        "BlueGreenUpdatePolicy": {"TrafficRoutingConfiguration": canary}})
    found = sagemaker.describe_endpoint(EndpointName="e")
    assert found["EndpointStatus"] == "Updating" and found["EndpointConfigName"] == "v1", found
    assert found["PendingDeploymentSummary"]["EndpointConfigName"] == "v2", found
    seen = set()

    def done():
        seen.add(served(sandbox))
        return status(sandbox) == "InService"

    eventually(done)
    assert seen == {"v1", "v2"} and served(sandbox) == "v2", seen
    found = sagemaker.describe_endpoint(EndpointName="e")
    assert found["EndpointConfigName"] == "v2" and "FailureReason" not in found, found
    lines = sandbox.client("logs").filter_log_events(logGroupName="/aws/sagemaker/Endpoints/e")["events"]
    assert any("/invocations" in line["message"] for line in lines), lines
    sagemaker.delete_endpoint(EndpointName="e")
    assert status(sandbox) == "Deleting"
    eventually(lambda: not sagemaker.list_endpoints()["Endpoints"])
    says("Could not find endpoint", sagemaker.describe_endpoint, EndpointName="e")


@check
def what_never_answers_is_taken_back(sandbox):
    sagemaker, arn_of_role = sandbox.client("sagemaker"), role(sandbox)
    model(sandbox, "good", arn_of_role)
    model(sandbox, "sick", arn_of_role, image=SICK)
    for name in ("good", "sick"):
        config(sandbox, name, name)
    sagemaker.create_endpoint(EndpointName="f", EndpointConfigName="sick")
    sagemaker.create_endpoint(EndpointName="e", EndpointConfigName="good")
    assert settled(sandbox) == "InService"
    sagemaker.update_endpoint(EndpointName="e", EndpointConfigName="sick")
    assert settled(sandbox, "f") == "Failed"
    says("Cannot update failed endpoint", sagemaker.update_endpoint, EndpointName="f", EndpointConfigName="good")
    sagemaker.delete_endpoint(EndpointName="f")
    # It ends in service, on the configuration that it had: only the reason tells.
    assert settled(sandbox) == "InService" and served(sandbox) == "good"
    found = sagemaker.describe_endpoint(EndpointName="e")
    assert found["EndpointConfigName"] == "good" and "ping health check" in found["FailureReason"], found


@check
def an_alarm_takes_an_update_back(sandbox):
    sagemaker, arn_of_role = sandbox.client("sagemaker"), role(sandbox)
    cloudwatch = sandbox.client("cloudwatch")
    for version in ("v1", "v2"):
        model(sandbox, version, arn_of_role)
        config(sandbox, version, version)
    cloudwatch.put_metric_alarm(
        AlarmName="errors", Namespace="Mine", MetricName="Errors", Statistic="Sum", Period=60, EvaluationPeriods=1,
        Threshold=0, ComparisonOperator="GreaterThanThreshold", TreatMissingData="breaching")
    sagemaker.create_endpoint(EndpointName="e", EndpointConfigName="v1")
    assert settled(sandbox) == "InService"
    sagemaker.update_endpoint(EndpointName="e", EndpointConfigName="v2", DeploymentConfig={
        "BlueGreenUpdatePolicy": {
            "TrafficRoutingConfiguration": {"Type": "ALL_AT_ONCE", "WaitIntervalInSeconds": 0},
            "TerminationWaitInSeconds": 600},
        "AutoRollbackConfiguration": {"Alarms": [{"AlarmName": "errors"}]}})
    assert settled(sandbox) == "InService" and served(sandbox) == "v1"
    assert "errors" in sagemaker.describe_endpoint(EndpointName="e")["FailureReason"]


@check
def counts_are_kept_where_something_scales(sandbox):
    sagemaker, arn_of_role = sandbox.client("sagemaker"), role(sandbox)
    scaling = sandbox.client("application-autoscaling")
    model(sandbox, "m", arn_of_role)
    config(sandbox, "c", "m")
    config(sandbox, "d", "m", ModelDataDownloadTimeoutInSeconds=600)
    config(sandbox, "large", "m", InstanceType="ml.g5.2xlarge")
    fails("ValidationException", scaling.register_scalable_target, MinCapacity=1, MaxCapacity=2, **SCALED)
    sagemaker.create_endpoint(EndpointName="e", EndpointConfigName="c")
    assert settled(sandbox) == "InService"
    sagemaker.update_endpoint_weights_and_capacities(
        EndpointName="e", DesiredWeightsAndCapacities=[{"VariantName": "main", "DesiredInstanceCount": 3}])
    count = lambda: sagemaker.describe_endpoint(EndpointName="e")["ProductionVariants"][0]["CurrentInstanceCount"]
    assert settled(sandbox) == "InService" and count() == 3
    target = scaling.register_scalable_target(MinCapacity=1, MaxCapacity=2, Tags={"a": "1"}, **SCALED)["ScalableTargetARN"]
    # It is moved into the bounds at once.
    assert settled(sandbox) == "InService" and count() == 2
    scaling.tag_resource(ResourceARN=target, Tags={"b": "2"})
    scaling.untag_resource(ResourceARN=target, TagKeys=["a"])
    assert scaling.list_tags_for_resource(ResourceARN=target)["Tags"] == {"b": "2"}
    scaling.register_scalable_target(MaxCapacity=4, **SCALED)
    (found,) = scaling.describe_scalable_targets(ServiceNamespace="sagemaker")["ScalableTargets"]
    assert (found["MinCapacity"], found["MaxCapacity"]) == (1, 4), found
    policy = {"TargetValue": 70.0, "PredefinedMetricSpecification": {
        "PredefinedMetricType": "SageMakerVariantInvocationsPerInstance"}}
    fails("ObjectNotFoundException", scaling.delete_scaling_policy, PolicyName="p", **SCALED)
    scaling.put_scaling_policy(PolicyName="p", PolicyType="TargetTrackingScaling",
                               TargetTrackingScalingPolicyConfiguration=policy, **SCALED)
    (found,) = scaling.describe_scaling_policies(ServiceNamespace="sagemaker")["ScalingPolicies"]
    assert found["TargetTrackingScalingPolicyConfiguration"] == policy, found
    says("must be deregistered", sagemaker.update_endpoint, EndpointName="e", EndpointConfigName="large")
    sagemaker.update_endpoint(EndpointName="e", EndpointConfigName="d", RetainAllVariantProperties=True)
    assert settled(sandbox) == "InService" and count() == 2
    sagemaker.update_endpoint(EndpointName="e", EndpointConfigName="c")
    assert settled(sandbox) == "InService" and count() == 1
    scaling.deregister_scalable_target(**SCALED)
    assert scaling.describe_scaling_policies(ServiceNamespace="sagemaker")["ScalingPolicies"] == []
    refused("dynamodb", scaling.register_scalable_target, ServiceNamespace="dynamodb", ResourceId="table/t",
            ScalableDimension="dynamodb:table:ReadCapacityUnits", MinCapacity=1, MaxCapacity=2)


SMALL = {"Container": {"Image": IMAGE, "Environment": {"A": "1"}}, "ComputeResourceRequirements": {
    "NumberOfCpuCoresRequired": 1, "MinMemoryRequiredInMb": 1024}}
COPIES = {"ServiceNamespace": "sagemaker", "ResourceId": "inference-component/c",
          "ScalableDimension": "sagemaker:inference-component:DesiredCopyCount"}


def bare(sandbox, arn_of_role, least=1, most=2, machine="ml.m5.xlarge"):
    """An endpoint whose variant has no model."""
    managed = {"Status": "ENABLED", "MinInstanceCount": least, "MaxInstanceCount": most}
    variant = {**VARIANT, "InstanceType": machine, "ManagedInstanceScaling": managed}
    sagemaker = sandbox.client("sagemaker")

    def made():
        try:
            return sagemaker.create_endpoint_config(
                EndpointConfigName="bare", ExecutionRoleArn=arn_of_role, ProductionVariants=[variant])
        except sagemaker.exceptions.ClientError as error:
            if "Could not assume role" in error.response["Error"]["Message"]:
                return None
            raise

    eventually(made)
    sagemaker.create_endpoint(EndpointName="e", EndpointConfigName="bare")
    assert settled(sandbox) == "InService"


def component(sandbox, name="c"):
    return sandbox.client("sagemaker").describe_inference_component(InferenceComponentName=name)


def ready(sandbox, name="c"):
    def done():
        found = component(sandbox, name)
        return found if found["InferenceComponentStatus"] in ("InService", "Failed") else None

    return eventually(done)


def ask(sandbox, name="c"):
    runtime = sandbox.client("sagemaker-runtime")
    answer = runtime.invoke_endpoint(EndpointName="e", InferenceComponentName=name, Body=b"{}")
    return json.loads(answer["Body"].read())["component"]


@check
def an_inference_component_lives(sandbox):
    sagemaker, arn_of_role = sandbox.client("sagemaker"), role(sandbox)
    model(sandbox, "m", arn_of_role)
    config(sandbox, "whole", "m")
    sagemaker.create_endpoint(EndpointName="w", EndpointConfigName="whole")
    bare(sandbox, arn_of_role)
    says("InferenceComponentName is required", sandbox.client("sagemaker-runtime").invoke_endpoint,
         code="ValidationError", EndpointName="e", Body=b"{}")
    asked = {"InferenceComponentName": "c", "EndpointName": "e", "VariantName": "main", "Specification": SMALL,
             "RuntimeConfig": {"CopyCount": 1}}
    create = sagemaker.create_inference_component
    says("CopyCount must be greater than 0", create, **{**asked, "RuntimeConfig": {"CopyCount": 0}})
    says("Could not find endpoint", create, **{**asked, "EndpointName": "x"})
    says("Could not find variant", create, **{**asked, "VariantName": "x"})
    settled(sandbox, "w")
    says("has a model of its own", create, **{**asked, "EndpointName": "w"})
    says("either a ModelName or a Container", create, **{**asked, "Specification": {**SMALL, "ModelName": "m"}})
    needs = SMALL["ComputeResourceRequirements"]
    says("Could not find model", create,
         **{**asked, "Specification": {"ModelName": "x", "ComputeResourceRequirements": needs}})
    made = create(**asked, Tags=tags({"a": "1"}))
    assert made["InferenceComponentArn"] == arn("inference-component/c"), made
    says("Cannot update in-progress inference component", sagemaker.delete_inference_component,
         InferenceComponentName="c")
    found = ready(sandbox)
    assert found["InferenceComponentStatus"] == "InService" and found["EndpointName"] == "e", found
    assert found["Specification"]["Container"]["DeployedImage"]["SpecifiedImage"] == IMAGE, found
    assert found["RuntimeConfig"] == {"DesiredCopyCount": 1, "CurrentCopyCount": 1}, found
    assert untag(sagemaker.list_tags(ResourceArn=arn("inference-component/c"))["Tags"]) == {"a": "1"}
    assert ask(sandbox) == "c"
    says("Cannot create already existing inference component", create, **asked)
    larger = {**SMALL, "ComputeResourceRequirements": {**needs, "MinMemoryRequiredInMb": 2048}}
    sagemaker.update_inference_component(
        InferenceComponentName="c", Specification=larger, RuntimeConfig={"CopyCount": 2},
        DeploymentConfig={"RollingUpdatePolicy": {
            "MaximumBatchSize": {"Type": "COPY_COUNT", "Value": 1}, "WaitIntervalInSeconds": 0}})
    assert component(sandbox)["InferenceComponentStatus"] == "Updating"
    found = ready(sandbox)
    assert found["Specification"]["ComputeResourceRequirements"]["MinMemoryRequiredInMb"] == 2048, found
    assert found["RuntimeConfig"]["CurrentCopyCount"] == 2 and "FailureReason" not in found, found
    create(**{**asked, "InferenceComponentName": "d"})
    listed = pages(sagemaker, "list_inference_components", "InferenceComponents", "MaxResults", 1)
    assert [one["InferenceComponentName"] for one in listed] == ["c", "d"], listed
    of = lambda **by: len(sagemaker.list_inference_components(**by)["InferenceComponents"])
    assert (of(EndpointNameEquals="e"), of(EndpointNameEquals="w"), of(VariantNameEquals="main")) == (2, 0, 2)
    assert of(NameContains="d") == 1
    sagemaker.delete_inference_component(InferenceComponentName="c")
    eventually(lambda: of() == 1)
    says("Could not find inference component", component, sandbox=sandbox)


@check
def copies_need_room(sandbox):
    sagemaker = sandbox.client("sagemaker")
    bare(sandbox, role(sandbox), machine="ml.g5.xlarge")
    count = lambda: sagemaker.describe_endpoint(EndpointName="e")["ProductionVariants"][0]["CurrentInstanceCount"]
    needs = {"NumberOfAcceleratorDevicesRequired": 1, "MinMemoryRequiredInMb": 1024}

    def made(name, **more):
        specification = {"Container": {"Image": IMAGE}, "ComputeResourceRequirements": {**needs, **more}}
        sagemaker.create_inference_component(
            InferenceComponentName=name, EndpointName="e", VariantName="main", Specification=specification,
            RuntimeConfig={"CopyCount": 1})
        return ready(sandbox, name)

    found = made("large", MinMemoryRequiredInMb=64 * 1024)
    assert "not enough hardware resources" in found["FailureReason"], found
    sagemaker.delete_inference_component(InferenceComponentName="large")
    assert made("c")["InferenceComponentStatus"] == "InService" and count() == 1
    # Machines follow their components, up to their bound.
    assert made("d")["InferenceComponentStatus"] == "InService" and count() == 2
    assert made("f")["InferenceComponentStatus"] == "Failed" and count() == 2
    sagemaker.delete_inference_component(InferenceComponentName="d")
    eventually(lambda: count() == 1)
    # What does not fit is taken back.
    sagemaker.update_inference_component_runtime_config(
        InferenceComponentName="c", DesiredRuntimeConfig={"CopyCount": 3})
    found = ready(sandbox)
    assert found["RuntimeConfig"]["CurrentCopyCount"] == 1 and "hardware" in found["FailureReason"], found


@check
def what_has_no_copy_is_woken_by_a_request(sandbox):
    sagemaker, scaling = sandbox.client("sagemaker"), sandbox.client("application-autoscaling")
    cloudwatch, runtime = sandbox.client("cloudwatch"), sandbox.client("sagemaker-runtime")
    bare(sandbox, role(sandbox), least=0)
    sagemaker.create_inference_component(
        InferenceComponentName="c", EndpointName="e", VariantName="main", Specification=SMALL,
        RuntimeConfig={"CopyCount": 1})
    ready(sandbox)
    sagemaker.update_inference_component_runtime_config(
        InferenceComponentName="c", DesiredRuntimeConfig={"CopyCount": 0})
    assert ready(sandbox)["RuntimeConfig"]["CurrentCopyCount"] == 0
    says("has no capacity", runtime.invoke_endpoint, code="ValidationError", EndpointName="e",
         InferenceComponentName="c", Body=b"{}")
    scaling.register_scalable_target(MinCapacity=0, MaxCapacity=2, **COPIES)
    fails("ValidationException", scaling.register_scalable_target, MinCapacity=0, MaxCapacity=2,
          **{**COPIES, "ResourceId": SCALED["ResourceId"]})
    policy = scaling.put_scaling_policy(
        PolicyName="wake", PolicyType="StepScaling", StepScalingPolicyConfiguration={
            "AdjustmentType": "ChangeInCapacity", "Cooldown": 60, "StepAdjustments": [
                {"MetricIntervalLowerBound": 0.0, "ScalingAdjustment": 1}]}, **COPIES)["PolicyARN"]
    cloudwatch.put_metric_alarm(
        AlarmName="asked", Namespace="AWS/SageMaker", MetricName="NoCapacityInvocationFailures",
        Dimensions=[{"Name": "InferenceComponentName", "Value": "c"}], Statistic="Maximum", Period=60,
        EvaluationPeriods=1, Threshold=1, ComparisonOperator="GreaterThanOrEqualToThreshold",
        TreatMissingData="notBreaching", AlarmActions=[policy])

    def answers():
        try:
            return ask(sandbox)
        except runtime.exceptions.ClientError:
            return None

    assert eventually(answers) == "c"
    (found,) = scaling.describe_scalable_targets(
        ServiceNamespace="sagemaker", ScalableDimension=COPIES["ScalableDimension"])["ScalableTargets"]
    assert found["ResourceId"] == COPIES["ResourceId"], found
    scaling.delete_scaling_policy(PolicyName="wake", **COPIES)
    # Its alarm stays: AWS leaves it to whoever made it.
    assert len(cloudwatch.describe_alarms(AlarmNames=["asked"])["MetricAlarms"]) == 1
    scaling.deregister_scalable_target(**COPIES)


@check
def machines_for_components_need_a_role(sandbox):
    sagemaker, arn_of_role = sandbox.client("sagemaker"), role(sandbox)
    model(sandbox, "m", arn_of_role)

    def bad(text, *variants, **more):
        says(text, sagemaker.create_endpoint_config, EndpointConfigName="x", ProductionVariants=list(variants), **more)

    bad("ExecutionRoleArn is required", VARIANT)
    mixed = {**VARIANT, "VariantName": "other", "ModelName": "m"}
    bad("Either all variants", VARIANT, mixed, ExecutionRoleArn=arn_of_role)
    empty = {"ManagedInstanceScaling": {"Status": "ENABLED", "MinInstanceCount": 0, "MaxInstanceCount": 1}}
    bad("Min instance count", {**mixed, **empty})
    bad("MinInstanceCount must not be above", {**VARIANT, "ManagedInstanceScaling": {
        "Status": "ENABLED", "MinInstanceCount": 2, "MaxInstanceCount": 1}}, ExecutionRoleArn=arn_of_role)


@check
def one_of_several_types_is_taken(sandbox):
    sagemaker, arn_of_role = sandbox.client("sagemaker"), role(sandbox)
    model(sandbox, "m", arn_of_role)
    model(sandbox, "own", arn_of_role)
    pools = [{"InstanceType": "ml.g5.xlarge", "Priority": 2, "ModelNameOverride": "own"},
             {"InstanceType": "ml.g6.xlarge", "Priority": 1}]
    plan = {"CapacityReservationPreference": "capacity-reservations-only",
            "MlReservationArn": arn("training-plan/p")}

    def bad(text, **variant):
        fields = {**VARIANT, "ModelName": "m", **variant}
        kept = {name: value for name, value in fields.items() if value is not None}
        says(text, sagemaker.create_endpoint_config, EndpointConfigName="c", ProductionVariants=[kept])

    bad("either an InstanceType or InstancePools", InstancePools=pools)
    bad("more than one of the InstancePools", InstanceType=None, InstancePools=[pools[0], pools[0]])
    bad("Could not find model", InstanceType=None, InstancePools=[{**pools[0], "ModelNameOverride": "x"}])
    bad("needs an InstanceType", InstanceType=None, InstancePools=pools, CapacityReservationConfig=plan)
    variant = {"VariantName": "main", "ModelName": "m", "InitialInstanceCount": 1, "InstancePools": pools,
               "VariantInstanceProvisionTimeoutInSeconds": 600}
    sagemaker.create_endpoint_config(EndpointConfigName="c", ProductionVariants=[variant])
    config(sandbox, "planned", "m", CapacityReservationConfig=plan)
    found = sagemaker.describe_endpoint_config(EndpointConfigName="c")["ProductionVariants"][0]
    assert found["InstancePools"] == pools, found
    sagemaker.create_endpoint(EndpointName="e", EndpointConfigName="c")
    assert settled(sandbox) == "InService" and served(sandbox) == "m"
    (found,) = sagemaker.describe_endpoint(EndpointName="e")["ProductionVariants"]
    assert found["InstancePools"] == [{"InstanceType": "ml.g6.xlarge", "CurrentInstanceCount": 1},
                                      {"InstanceType": "ml.g5.xlarge", "CurrentInstanceCount": 0}], found
    sagemaker.update_endpoint(EndpointName="e", EndpointConfigName="planned")
    assert settled(sandbox) == "InService"
    (found,) = sagemaker.describe_endpoint(EndpointName="e")["ProductionVariants"]
    assert found["CapacityReservationConfig"] == plan, found


@check
def a_shadow_gets_copies(sandbox):
    sagemaker, arn_of_role = sandbox.client("sagemaker"), role(sandbox)
    for name in ("m", "next"):
        model(sandbox, name, arn_of_role)
    main, shadow = {**VARIANT, "ModelName": "m"}, {**VARIANT, "VariantName": "shadow", "ModelName": "next"}

    def bad(text, *variants, **more):
        says(text, sagemaker.create_endpoint_config, EndpointConfigName="c", ProductionVariants=list(variants),
             ShadowProductionVariants=[shadow], **more)

    bad("goes with one for", main, {**main, "VariantName": "other"})
    bad("do not go with", main, AsyncInferenceConfig={"OutputConfig": {"S3OutputPath": "s3://b/out"}})
    bad("more than once", {**main, "VariantName": "shadow"})
    sagemaker.create_endpoint_config(
        EndpointConfigName="c", ProductionVariants=[main], ShadowProductionVariants=[shadow])
    sagemaker.create_endpoint(EndpointName="e", EndpointConfigName="c")
    assert settled(sandbox) == "InService" and {served(sandbox) for _ in range(10)} == {"m"}
    found = sagemaker.describe_endpoint(EndpointName="e")
    assert [one["VariantName"] for one in found["ProductionVariants"]] == ["main"], found
    assert [one["VariantName"] for one in found["ShadowProductionVariants"]] == ["shadow"], found
    lines = sandbox.client("logs").filter_log_events(logGroupName="/aws/sagemaker/Endpoints/e")["events"]
    copies = [one for one in lines if one["logStreamName"].startswith("shadow/") and "POST" in one["message"]]
    assert len(copies) == 10, lines


@check
def times_set_bounds(sandbox):
    sagemaker, scaling = sandbox.client("sagemaker"), sandbox.client("application-autoscaling")
    model(sandbox, "m", role(sandbox))
    config(sandbox, "c", "m")
    sagemaker.create_endpoint(EndpointName="e", EndpointConfigName="c")
    assert settled(sandbox) == "InService"
    put = lambda **more: scaling.put_scheduled_action(**{
        "ScheduledActionName": "day", "Schedule": "rate(1 hour)",
        "ScalableTargetAction": {"MinCapacity": 2, "MaxCapacity": 3}, **SCALED, **more})
    fails("ObjectNotFoundException", put)
    scaling.register_scalable_target(MinCapacity=1, MaxCapacity=2, **SCALED)
    fails("ValidationException", put, Schedule="daily")
    fails("ValidationException", put, Schedule="cron(0 20 * * MON *)")
    fails("ValidationException", put, ScalableTargetAction={})
    fails("ValidationException", put, ScalableTargetAction={"MinCapacity": 3, "MaxCapacity": 2})
    refused("at", put, Schedule="at(2030-01-01T00:00:00)")
    put()
    put(ScheduledActionName="night", Schedule="cron(0 20 ? * MON-FRI *)", Timezone="Europe/Berlin",
        ScalableTargetAction={"MinCapacity": 1})
    found = pages(scaling, "describe_scheduled_actions", "ScheduledActions", "MaxResults", 1,
                  ServiceNamespace="sagemaker")
    assert [one["ScheduledActionName"] for one in found] == ["day", "night"], found
    assert found[1]["Timezone"] == "Europe/Berlin" and found[1]["ScalableTargetAction"] == {"MinCapacity": 1}, found
    count = lambda: sagemaker.describe_endpoint(EndpointName="e")["ProductionVariants"][0]["CurrentInstanceCount"]
    eventually(lambda: count() == 2)
    (target,) = scaling.describe_scalable_targets(ServiceNamespace="sagemaker")["ScalableTargets"]
    assert (target["MinCapacity"], target["MaxCapacity"]) == (2, 3), target
    scaling.delete_scheduled_action(ScheduledActionName="night", **SCALED)
    fails("ObjectNotFoundException", scaling.delete_scheduled_action, ScheduledActionName="night", **SCALED)
    named = scaling.describe_scheduled_actions(
        ServiceNamespace="sagemaker", ScheduledActionNames=["day", "night"], ResourceId=SCALED["ResourceId"])
    assert len(named["ScheduledActions"]) == 1, named
    scaling.deregister_scalable_target(**SCALED)
    assert scaling.describe_scheduled_actions(ServiceNamespace="sagemaker")["ScheduledActions"] == []


@check
def requests_wait_for_an_instance(sandbox):
    sagemaker, runtime, s3 = (sandbox.client(name) for name in ("sagemaker", "sagemaker-runtime", "s3"))
    cloudwatch = sandbox.client("cloudwatch")
    s3.create_bucket(Bucket="answers")
    s3.put_object(Bucket="answers", Key="in.json", Body=b"{}")
    model(sandbox, "m", role(sandbox))
    output = {"S3OutputPath": "s3://answers/out/", "S3FailurePath": "s3://answers/errors/"}
    for name, more in (("real", {}), ("c", {"AsyncInferenceConfig": {"OutputConfig": output}})):
        sagemaker.create_endpoint_config(
            EndpointConfigName=name, ProductionVariants=[{**VARIANT, "ModelName": "m"}], **more)
    sagemaker.create_endpoint(EndpointName="r", EndpointConfigName="real")
    sagemaker.create_endpoint(EndpointName="e", EndpointConfigName="c")
    settled(sandbox, "r")
    assert settled(sandbox) == "InService"
    ask = lambda **more: runtime.invoke_endpoint_async(**{
        "EndpointName": "e", "InputLocation": "s3://answers/in.json", "ContentType": "application/json", **more})
    fails("ValidationError", ask, EndpointName="r")
    fails("ValidationError", ask, EndpointName="x")
    fails("ValidationError", ask, Body=b"{}")
    fails("ValidationError", runtime.invoke_endpoint, EndpointName="e", Body=b"{}")
    first = ask(InferenceId="one", RequestTTLSeconds=600, InvocationTimeoutSeconds=60)
    assert first["InferenceId"] == "one" and first["OutputLocation"].startswith("s3://answers/out/"), first
    assert first["FailureLocation"].startswith("s3://answers/errors/"), first

    def written(place):
        key = place.removeprefix("s3://answers/")
        return key in [one["Key"] for one in s3.list_objects_v2(Bucket="answers").get("Contents", [])] and key

    key = eventually(lambda: written(first["OutputLocation"]))
    assert json.loads(s3.get_object(Bucket="answers", Key=key)["Body"].read())["model"] == "m"
    # What is not there is told where errors are written.
    lost = ask(InputLocation="s3://answers/lost.json")
    eventually(lambda: written(lost["FailureLocation"]))
    assert not written(lost["OutputLocation"])
    # Without an instance it waits, and an alarm can see that.
    cloudwatch.put_metric_alarm(
        AlarmName="stuck", Namespace="AWS/SageMaker", MetricName="HasBacklogWithoutCapacity",
        Dimensions=[{"Name": "EndpointName", "Value": "e"}], Statistic="Maximum", Period=60, EvaluationPeriods=1,
        Threshold=1, ComparisonOperator="GreaterThanOrEqualToThreshold", TreatMissingData="notBreaching")
    sagemaker.update_endpoint_weights_and_capacities(
        EndpointName="e", DesiredWeightsAndCapacities=[{"VariantName": "main", "DesiredInstanceCount": 0}])
    assert settled(sandbox) == "InService"
    waits = ask()
    state = lambda: cloudwatch.describe_alarms(AlarmNames=["stuck"])["MetricAlarms"][0]["StateValue"]
    eventually(lambda: state() == "ALARM")
    assert not written(waits["OutputLocation"])
    sagemaker.update_endpoint_weights_and_capacities(
        EndpointName="e", DesiredWeightsAndCapacities=[{"VariantName": "main", "DesiredInstanceCount": 1}])
    eventually(lambda: written(waits["OutputLocation"]))


@check
def interfaces_of_an_endpoint_outlive_it(sandbox):
    sagemaker, ec2, arn_of_role = sandbox.client("sagemaker"), sandbox.client("ec2"), role(sandbox)
    vpc = ec2.create_vpc(CidrBlock="10.0.0.0/16")["Vpc"]["VpcId"]
    subnet = ec2.create_subnet(VpcId=vpc, CidrBlock="10.0.0.0/24")["Subnet"]["SubnetId"]
    group = ec2.create_security_group(GroupName="g", Description="g", VpcId=vpc)["GroupId"]
    model(sandbox, "m", arn_of_role, VpcConfig={"Subnets": [subnet], "SecurityGroupIds": [group]})
    config(sandbox, "c", "m")
    sagemaker.create_endpoint(EndpointName="e", EndpointConfigName="c")
    assert settled(sandbox) == "InService"
    sagemaker.delete_endpoint(EndpointName="e")
    eventually(lambda: not sagemaker.list_endpoints()["Endpoints"])
    (eni,) = ec2.describe_network_interfaces()["NetworkInterfaces"]
    assert "SageMaker" in eni["Description"], eni
    fails("DependencyViolation", ec2.delete_subnet, SubnetId=subnet)
    eventually(lambda: not ec2.describe_network_interfaces()["NetworkInterfaces"])
    ec2.delete_subnet(SubnetId=subnet)


@check
def streams_are_written_and_read(sandbox):
    logs = sandbox.client("logs")
    logs.create_log_group(logGroupName="g")
    logs.create_log_stream(logGroupName="g", logStreamName="s")
    fails("ResourceAlreadyExistsException", logs.create_log_stream, logGroupName="g", logStreamName="s")
    events = [{"timestamp": 1000 + i, "message": f"line {i}"} for i in range(5)]
    logs.put_log_events(logGroupName="g", logStreamName="s", logEvents=events)
    fails("InvalidParameterException", logs.put_log_events, logGroupName="g", logStreamName="s", logEvents=events[::-1])
    fails("ResourceNotFoundException", logs.put_log_events, logGroupName="g", logStreamName="t", logEvents=events)
    found = logs.filter_log_events(logGroupName="g", startTime=1001, filterPattern="line")["events"]
    assert [one["message"] for one in found] == ["line 1", "line 2", "line 3", "line 4"], found
    first = logs.filter_log_events(logGroupName="g", limit=3)
    rest = logs.filter_log_events(logGroupName="g", limit=3, nextToken=first["nextToken"])
    assert len(first["events"]) == 3 and len(rest["events"]) == 2 and "nextToken" not in rest
    last = logs.get_log_events(logGroupName="g", logStreamName="s", limit=2)
    assert [one["message"] for one in last["events"]] == ["line 3", "line 4"], last
    again = logs.get_log_events(logGroupName="g", logStreamName="s", nextToken=last["nextForwardToken"])
    assert again["events"] == [] and again["nextForwardToken"] == last["nextForwardToken"], again
    (stream,) = logs.describe_log_streams(logGroupName="g")["logStreams"]
    assert (stream["firstEventTimestamp"], stream["lastEventTimestamp"]) == (1000, 1004), stream
    logs.delete_log_group(logGroupName="g")
    logs.create_log_group(logGroupName="g")
    assert logs.describe_log_streams(logGroupName="g")["logStreams"] == []
