"""boto3 beside dlinfra: serving.rs starts this to prepare an account, to look on, and to do what scaling does.

look.py URL seed BUCKET      makes a bucket with two versions of a model
look.py URL scale NAME COUNT sets the count of the endpoint's variant, as a scaling policy does
look.py URL watch NAME PAUSE invokes the endpoint every PAUSE seconds until its input ends, then prints what it saw
"""

import json
import sys
import threading

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError


def client(service):
    # Without retries: an answer that only comes at the second time is an outage.
    config = Config(retries={"total_max_attempts": 1})
    return boto3.client(service, region_name="us-east-1", endpoint_url=sys.argv[1], config=config,
                        aws_access_key_id="AKIALOOKSON000000000", aws_secret_access_key="looks-on")


def seed(bucket):
    s3 = client("s3")
    s3.create_bucket(Bucket=bucket)
    for version in ("v1", "v2"):
        s3.put_object(Bucket=bucket, Key=f"{version}/model.safetensors", Body=version.encode())


def scale(name, count):
    wanted = [{"VariantName": "main", "DesiredInstanceCount": int(count)}]
    client("sagemaker").update_endpoint_weights_and_capacities(EndpointName=name, DesiredWeightsAndCapacities=wanted)


def served_from(sagemaker, config):
    """Where the models of a configuration are in the bucket."""
    variants = sagemaker.describe_endpoint_config(EndpointConfigName=config)["ProductionVariants"]
    models = [sagemaker.describe_model(ModelName=v["ModelName"])["PrimaryContainer"] for v in variants]
    return [m["ModelDataSource"]["S3DataSource"]["S3Uri"] for m in models]


def watch(name, pause):
    ended = threading.Event()
    threading.Thread(target=lambda: (sys.stdin.read(), ended.set()), daemon=True).start()
    sagemaker, runtime = client("sagemaker"), client("sagemaker-runtime")
    outages, configs = [], []

    def ask():
        try:
            answer = runtime.invoke_endpoint(EndpointName=name, Body=b"{}", ContentType="application/json")
        except (BotoCoreError, ClientError) as error:
            outages.append(str(error))
            return
        configs.append(json.loads(answer["Body"].read())["config"])

    while not ended.wait(float(pause)):
        ask()
    before = len(configs)
    for _ in range(20):
        ask()
    endpoint = sagemaker.describe_endpoint(EndpointName=name)
    print(json.dumps({
        "answers": len(configs),
        "outages": outages,
        "configs": list(dict.fromkeys(configs)),
        "at_the_end": sorted({uri for c in set(configs[before:]) for uri in served_from(sagemaker, c)}),
        "count": endpoint["ProductionVariants"][0]["DesiredInstanceCount"],
        "left": [len(sagemaker.list_endpoint_configs()["EndpointConfigs"]), len(sagemaker.list_models()["Models"])],
    }))


if __name__ == "__main__":
    {"seed": seed, "scale": scale, "watch": watch}[sys.argv[2]](*sys.argv[3:])
