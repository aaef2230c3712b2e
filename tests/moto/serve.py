"""moto on 127.0.0.1:PORT for tests/moto.rs, with answers for the reads that moto lacks and a count of requests.

GET /_requests answers {"ec2:DescribeVpcs": 3, ...} and starts the count again.
GET /_objects answers every living object with its tags, read from moto's memory and not through its API.
"""

import collections
import io
import json
import re
import sys
from urllib.parse import parse_qs
from xml.sax.saxutils import unescape

from moto.ec2.models import ec2_backends
from moto.ec2.models.elastic_block_store import EBSBackend
from moto.ec2.models.vpcs import VPCEndPoint
from moto.ec2.responses import EC2Response
from moto.fsx.responses import FSxResponse
from moto.iam.models import iam_backends
from moto.s3.models import s3_backends
from moto.s3.responses import S3Response
from moto.sagemaker.responses import SageMakerResponse
from moto.server import DomainDispatcherApplication, create_backend_app
from werkzeug.serving import run_simple
from werkzeug.wrappers import Request, Response

# moto has no placement groups, no repository associations and no inference components. Every plan asks for them, so: there are none.
EC2Response.describe_placement_groups = lambda self: (
    '<DescribePlacementGroupsResponse xmlns="http://ec2.amazonaws.com/doc/2016-11-15/">'
    "<requestId>moto</requestId><placementGroupSet/></DescribePlacementGroupsResponse>"
)
FSxResponse.describe_data_repository_associations = lambda self: json.dumps({"Associations": []})
SageMakerResponse.list_inference_components = lambda self: json.dumps({"InferenceComponents": []})



def create_volume_with_rates(original):
    """RunInstances of moto loses the rates of a volume; these are what AWS gives a gp3 volume without any."""

    def create(self, *args, **kwargs):
        if kwargs.get("volume_type") == "gp3":
            kwargs["iops"] = kwargs.get("iops") or 3000
            kwargs["throughput"] = kwargs.get("throughput") or 125
        return original(self, *args, **kwargs)

    return create


EBSBackend.create_volume = create_volume_with_rates(EBSBackend.create_volume)


def filtered_by_id(original):
    """DescribeVpcEndpoints of moto has no filter for ids."""

    def value(self, filter_name, *rest):
        return self.id if filter_name == "vpc-endpoint-id" else original(self, filter_name, *rest)

    return value


VPCEndPoint.get_filter_value = filtered_by_id(VPCEndPoint.get_filter_value)


def delete_key_pair_by_id(original):
    """DeleteKeyPair of moto knows names only."""

    def delete(self):
        for name, pair in list(self.ec2_backend.key_pairs.items()):
            if pair.id == self._get_param("KeyPairId"):
                self.ec2_backend.delete_key_pair(name)
        return original(self)

    return delete


EC2Response.delete_key_pair = delete_key_pair_by_id(EC2Response.delete_key_pair)


def create_bucket_with_tags(original):
    """CreateBucket of moto ignores the tags in its body."""

    def put(self, request, bucket_name, querystring):
        answer = original(self, request, bucket_name, querystring)
        if not querystring and self.body and b"<Tags>" in self.body:
            tags = re.findall(r"<Key>(.*?)</Key><Value>(.*?)</Value>", self.body.decode(), re.S)
            if tags:
                self.backend.put_bucket_tagging(bucket_name, {unescape(k): unescape(v) for k, v in tags})
        return answer

    return put


S3Response._bucket_response_put = create_bucket_with_tags(S3Response._bucket_response_put)

moto = DomainDispatcherApplication(create_backend_app)
# moto gives some answers of S3 another root element than S3 does; boto3 does not look at it, the SDK for Rust does.
ROOTS = {
    b"GetBucketVersioningResponse": b"VersioningConfiguration",
}
requests = collections.Counter()


def name_of(request: Request) -> str:
    """The operation of a request, as `service:Operation` (services that go by paths: the method, as moto names no operation)."""
    service = re.search(r"/aws4_request|Credential=[^/]+/[^/]+/[^/]+/([^/]+)/", request.headers.get("Authorization", ""))
    service = service.group(1) if service else "unknown"
    if target := request.headers.get("X-Amz-Target"):
        return f"{service}:{target.rsplit('.', 1)[-1]}"
    if service in ("lambda", "s3", "scheduler"):
        return f"{service}:{request.method}"
    action = parse_qs(request.get_data(cache=True, as_text=True)).get("Action", ["unknown"])
    return f"{service}:{action[0]}"


def objects() -> list:
    """Everything that carries tags and is neither gone nor going."""
    found = []

    def add(kind, id, tags):
        found.append({"kind": kind, "id": id, "tags": tags})

    def listed(tags):
        tags = tags or []
        if isinstance(tags, dict):
            if all(isinstance(value, str) for value in tags.values()):
                return tags
            tags = tags.values()
        return {tag.get("key", tag.get("Key")): tag.get("value", tag.get("Value")) for tag in tags}

    for account in ec2_backends.values():
        ec2 = account["us-east-1"]
        plain = {
            "vpc": ec2.vpcs.items(),
            "subnet": [pair for zone in ec2.subnets.values() for pair in zone.items()],
            "internet-gateway": ec2.internet_gateways.items(),
            "route-table": ec2.route_tables.items(),
            "security-group": [pair for vpc in ec2.groups.values() for pair in vpc.items()],
            "nat-gateway": [(id, it) for id, it in ec2.nat_gateways.items() if it.state not in ("deleted", "deleting")],
            "instance": [
                (it.id, it)
                for reservation in ec2.reservations.values()
                for it in reservation.instances
                if it._state.name not in ("terminated", "shutting-down")
            ],
            "address": [(it.allocation_id, it) for it in ec2.addresses],
        }
        for kind, pairs in plain.items():
            for id, it in list(pairs):
                add(kind, id, listed(it.get_tags()))
    for account in iam_backends.values():
        iam = account["aws"]
        for role in list(iam.roles.values()):
            add("role", role.name, listed(role.tags))
        for profile in list(iam.instance_profiles.values()):
            add("instance-profile", profile.name, listed(profile.tags))
    for account in s3_backends.values():
        s3 = account["aws"]
        for bucket in list(s3.buckets.values()):
            add("bucket", bucket.name, s3.tagger.get_tag_dict_for_resource(bucket.arn))
    return found


def application(environ, start_response):
    request = Request(environ)
    if request.path == "/_requests":
        answer = Response(json.dumps(requests), mimetype="application/json")
        requests.clear()
        return answer(environ, start_response)
    if request.path == "/_objects":
        return Response(json.dumps(objects()), mimetype="application/json")(environ, start_response)
    if request.headers.get("Authorization"):
        requests[name_of(request)] += 1
        # Reading the body for its action used the stream up.
        body = request.get_data(cache=True)
        environ["wsgi.input"] = io.BytesIO(body)
    answer = Response.from_app(moto, environ)
    if name_of(request).startswith("s3:"):
        for wrong, right in ROOTS.items():
            answer.set_data(answer.get_data().replace(wrong, right))
    return answer(environ, start_response)


if __name__ == "__main__":
    run_simple("127.0.0.1", int(sys.argv[1]), application, threaded=True)
