"""Cost Explorer and the Resource Groups Tagging API: their shapes; amounts and delays need days."""

from ec2_network import vpc
from fsx import Ground
from harness import ACCOUNT, check, eventually, fails, refused, tags, untag


@check
def cost_and_usage(sandbox):
    ce = sandbox.client("ce")
    query = {"TimePeriod": {"Start": "2026-01-30", "End": "2026-02-02"}, "Granularity": "DAILY", "Metrics": ["UnblendedCost"]}
    found = ce.get_cost_and_usage(**query)["ResultsByTime"]
    assert [day["TimePeriod"]["Start"] for day in found] == ["2026-01-30", "2026-01-31", "2026-02-01"], found
    assert found[0]["Total"] == {"UnblendedCost": {"Amount": "0.0000000000", "Unit": "USD"}}, found
    months = ce.get_cost_and_usage(**{**query, "Granularity": "MONTHLY", "Metrics": ["UsageQuantity"]})["ResultsByTime"]
    assert [(month["TimePeriod"]["Start"], month["TimePeriod"]["End"]) for month in months] == [
        ("2026-01-30", "2026-02-01"), ("2026-02-01", "2026-02-02")], months
    both = [{"Type": "TAG", "Key": "dlinfra:address"}, {"Type": "DIMENSION", "Key": "SERVICE"}]
    only = {"And": [{"Tags": {"Key": "dlinfra:stack", "Values": ["demo"]}},
                    {"Not": {"Dimensions": {"Key": "REGION", "Values": ["us-east-1"]}}}]}
    grouped = ce.get_cost_and_usage(**query, GroupBy=both, Filter=only)
    assert grouped["ResultsByTime"][0]["Groups"] == [] and len(grouped["GroupDefinitions"]) == 2, grouped
    backwards = {"TimePeriod": {"Start": "2026-02-02", "End": "2026-01-30"}}
    fails("ValidationException", ce.get_cost_and_usage, **{**query, **backwards})
    fails("ValidationException", ce.get_cost_and_usage, **{**query, "TimePeriod": {"Start": "x", "End": "y"}})
    refused("hourly", ce.get_cost_and_usage, **{**query, "Granularity": "HOURLY"})
    refused("INSTANCE_TYPE", ce.get_cost_and_usage, **query, GroupBy=[{"Type": "DIMENSION", "Key": "INSTANCE_TYPE"}])
    refused("ce:GetCostForecast", ce.get_cost_forecast, TimePeriod={"Start": "2026-01-01", "End": "2026-02-01"},
            Metric="UNBLENDED_COST", Granularity="DAILY")


@check
def cost_allocation_tags(sandbox):
    ce = sandbox.client("ce")
    assert ce.list_cost_allocation_tags(Type="UserDefined")["CostAllocationTags"] == []
    answer = ce.update_cost_allocation_tags_status(
        CostAllocationTagsStatus=[{"TagKey": "unknown", "Status": "Active"}])
    assert answer["Errors"][0]["TagKey"] == "unknown" and answer["Errors"][0]["Code"], answer


@check
def tagged_resources(sandbox):
    ground = Ground(sandbox)
    made = [vpc(ground.ec2, stack="demo", n=str(n)) for n in range(3)]
    system = ground.create(Tags=tags({"stack": "demo"}))
    sandbox.client("s3").create_bucket(Bucket="a-bucket", CreateBucketConfiguration={"Tags": tags({"stack": "demo"})})
    tagging = sandbox.client("resourcegroupstaggingapi")
    demo = [{"Key": "stack", "Values": ["demo", "other"]}]
    find = lambda **query: tagging.get_resources(**query)["ResourceTagMappingList"]
    eventually(lambda: len(find(TagFilters=demo)) == 5)
    found = {one["ResourceARN"]: untag(one["Tags"]) for one in find(TagFilters=demo)}
    assert found[f"arn:aws:ec2:us-east-1:{ACCOUNT}:vpc/{made[1]}"] == {"stack": "demo", "n": "1"}, found
    assert system["ResourceARN"] in found and "arn:aws:s3:::a-bucket" in found, found
    assert len(find(ResourceTypeFilters=["ec2:vpc", "fsx"])) == 4
    assert len(find(TagFilters=[{"Key": "n"}, {"Key": "stack", "Values": ["demo"]}])) == 3
    assert find(TagFilters=[{"Key": "stack", "Values": ["none"]}]) == []
    assert len(find(ResourceARNList=["arn:aws:s3:::a-bucket"])) == 1
    every = []
    query = {"ResourcesPerPage": 2, "TagFilters": demo}
    while True:
        page = tagging.get_resources(**query)
        every += page["ResourceTagMappingList"]
        if not page["PaginationToken"]:
            break
        query["PaginationToken"] = page["PaginationToken"]
    assert len(every) == 5, every
    # A resource that is gone is still listed.
    ground.ec2.delete_vpc(VpcId=made[0])
    assert len(find(ResourceTypeFilters=["ec2:vpc"])) == 3
    fails("InvalidParameterException", tagging.get_resources, ResourcesPerPage=101)
    refused("IncludeComplianceDetails", tagging.get_resources, IncludeComplianceDetails=True)
    refused("tagging:TagResources", tagging.tag_resources, ResourceARNList=["arn:aws:s3:::a-bucket"], Tags={"a": "b"})
