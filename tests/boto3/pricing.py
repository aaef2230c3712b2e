"""The Price List API."""

import json

from harness import check, fails, pages, refused


def match(**fields):
    return [{"Type": "TERM_MATCH", "Field": name, "Value": value} for name, value in fields.items()]


G5 = {"instanceType": "g5.xlarge", "regionCode": "us-east-1", "tenancy": "Shared", "operatingSystem": "Linux",
      "preInstalledSw": "NA", "capacitystatus": "Used", "marketoption": "OnDemand"}


@check
def one_instance_type(sandbox):
    pricing = sandbox.client("pricing")
    answer = pricing.get_products(ServiceCode="AmazonEC2", FormatVersion="aws_v1", Filters=match(**G5))
    assert answer["FormatVersion"] == "aws_v1" and len(answer["PriceList"]) == 1, answer
    product = json.loads(answer["PriceList"][0])
    assert product["product"]["attributes"]["usagetype"] == "BoxUsage:g5.xlarge", product
    term = next(iter(product["terms"]["OnDemand"].values()))
    price = next(iter(term["priceDimensions"].values()))
    assert price["unit"] == "Hrs" and price["pricePerUnit"]["USD"] == "1.0060000000", price
    # Without the state of the capacity there are several, one of them free.
    loose = {name: value for name, value in G5.items() if name != "capacitystatus"}
    assert len(pricing.get_products(ServiceCode="AmazonEC2", Filters=match(**loose))["PriceList"]) == 3
    block = {**G5, "instanceType": "p5.48xlarge"}
    del block["marketoption"]
    assert len(pricing.get_products(ServiceCode="AmazonEC2", Filters=match(**block))["PriceList"]) == 2
    assert pricing.get_products(ServiceCode="AmazonEC2", Filters=match(**{**G5, "regionCode": "mars-1"}))["PriceList"] == []


@check
def other_filters_and_tiers(sandbox):
    pricing = sandbox.client("pricing", "eu-central-1")
    find = lambda code, *filters: [json.loads(text) for text in
                                   pricing.get_products(ServiceCode=code, Filters=list(filters))["PriceList"]]
    term = lambda kind, field, value: {"Type": kind, "Field": field, "Value": value}
    found = find("AmazonS3", term("EQUALS", "volumeType", "Standard"), term("EQUALS", "regionCode", "us-east-1"))
    rates = next(iter(found[0]["terms"]["OnDemand"].values()))["priceDimensions"].values()
    assert sorted((rate["beginRange"], rate["endRange"]) for rate in rates) == [
        ("0", "51200"), ("51200", "512000"), ("512000", "Inf")], rates
    nat = find("AmazonEC2", term("CONTAINS", "usagetype", "NatGateway"), term("ANY_OF", "regionCode", "us-west-2,eu-west-1"))
    assert len(nat) == 4, nat
    nat = find("AmazonEC2", term("CONTAINS", "usagetype", "NatGateway"), term("NONE_OF", "regionCode", "us-west-2"))
    assert nat and all(one["product"]["attributes"]["regionCode"] != "us-west-2" for one in nat)
    lustre = find("AmazonFSx", *match(fileSystemType="Lustre", storageType="SSD", throughputCapacity="250", regionCode="us-east-1"))
    assert len(lustre) == 1 and lustre[0]["product"]["productFamily"] == "Storage", lustre


@check
def prices_are_listed_in_pages(sandbox):
    pricing = sandbox.client("pricing")
    query = match(instanceType="g5.xlarge")
    found = pages(pricing, "get_products", "PriceList", "MaxResults", 7, ServiceCode="AmazonEC2", Filters=query)
    skus = [json.loads(text)["product"]["sku"] for text in found]
    assert len(skus) > 14 and len(set(skus)) == len(skus), skus
    services = pages(pricing, "describe_services", "Services", "MaxResults", 3)
    codes = [service["ServiceCode"] for service in services]
    assert "AmazonEC2" in codes and "AmazonFSx" in codes and len(set(codes)) == len(codes), codes
    one = pricing.describe_services(ServiceCode="AmazonEC2")["Services"]
    assert "capacitystatus" in one[0]["AttributeNames"], one
    values = pages(pricing, "get_attribute_values", "AttributeValues", "MaxResults", 2, ServiceCode="AmazonFSx",
                   AttributeName="throughputCapacity")
    assert {"N/A", "125", "250"} <= {value["Value"] for value in values}, values


@check
def what_is_wrong_is_refused(sandbox):
    pricing = sandbox.client("pricing", parameter_validation=False)
    fails("InvalidParameterException", pricing.get_products, ServiceCode="AmazonChocolate")
    fails("InvalidParameterException", pricing.get_products, ServiceCode="AmazonEC2", FormatVersion="aws_v2")
    fails("InvalidParameterException", pricing.get_products, ServiceCode="AmazonEC2", MaxResults=101)
    fails("InvalidNextTokenException", pricing.get_products, ServiceCode="AmazonEC2", NextToken="???")
    fails("InvalidParameterException", pricing.get_products)
    fails("NotFoundException", pricing.get_attribute_values, ServiceCode="AmazonEC2", AttributeName="colour")
    refused("us-west-2", sandbox.client("pricing", "us-west-2").get_products, ServiceCode="AmazonEC2")
    refused("pricing:ListPriceLists", pricing.list_price_lists, ServiceCode="AmazonEC2", CurrencyCode="USD",
            EffectiveDate="2026-01-01")
