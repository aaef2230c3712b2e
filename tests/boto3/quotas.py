"""Service Quotas: the limits that bite, as they were configured, and AWS's defaults."""

from harness import check, fails, pages


@check
def quotas_of_a_service(sandbox):
    client = sandbox.client("service-quotas")
    found = pages(client, "list_service_quotas", "Quotas", "MaxResults", 4, ServiceCode="ec2")
    codes = [quota["QuotaCode"] for quota in found]
    assert codes == sorted(set(codes)) and len(codes) > 10, codes
    assert all(quota["ServiceCode"] == "ec2" and quota["Value"] == 1e6 for quota in found), found
    one = client.list_service_quotas(ServiceCode="ec2", QuotaCode="L-417A185B")["Quotas"]
    assert [quota["QuotaName"] for quota in one] == ["Running On-Demand P instances"], one
    assert client.get_service_quota(ServiceCode="ec2", QuotaCode="L-417A185B")["Quota"]["Value"] == 1e6
    fails("NoSuchResourceException", client.list_service_quotas, ServiceCode="nothing")
    fails("NoSuchResourceException", client.get_service_quota, ServiceCode="ec2", QuotaCode="L-00000000")


@check
def what_aws_gives_to_everybody(sandbox):
    client = sandbox.client("service-quotas")
    found = pages(client, "list_aws_default_service_quotas", "Quotas", "MaxResults", 100, ServiceCode="ec2")
    values = {quota["QuotaCode"]: quota["Value"] for quota in found}
    assert values["L-0263D0A3"] == 5 and values["L-417A185B"] == 0, values
    one = client.get_aws_default_service_quota(ServiceCode="fsx", QuotaCode="L-8F1B9C74")["Quota"]
    assert one["Value"] == 100800 and one["QuotaArn"].endswith(":fsx/L-8F1B9C74"), one
