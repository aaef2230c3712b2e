#!/usr/bin/env python3
"""Cuts the error codes of AWS's services out of botocore's models: service, code and HTTP status, nothing else.

    pip install botocore && tools/errors.py > tests/facts/errors.csv

The models of EC2 state no errors, and those of S3 few: their codes stand below, as the services document them.
"""
import csv
import gzip
import json
import os
import sys

import botocore

# The name of the model, and the prefix of the service's actions in policies.
SERVICES = {
    "application-autoscaling": "application-autoscaling",
    "batch": "batch",
    "ce": "ce",
    "cloudwatch": "cloudwatch",
    "ecr": "ecr",
    "efs": "elasticfilesystem",
    "eks": "eks",
    "elbv2": "elasticloadbalancing",
    "events": "events",
    "fsx": "fsx",
    "iam": "iam",
    "kms": "kms",
    "lambda": "lambda",
    "logs": "logs",
    "pcs": "pcs",
    "pricing": "pricing",
    "s3": "s3",
    "sagemaker": "sagemaker",
    "scheduler": "scheduler",
    "secretsmanager": "secretsmanager",
    "sns": "sns",
    "sqs": "sqs",
    "ssm": "ssm",
    "stepfunctions": "states",
    "sts": "sts",
}

EC2 = {
    400: """
        AddressLimitExceeded AttachmentLimitExceeded ConcurrentTagAccess CustomerGatewayLimitExceeded
        DependencyViolation FilterLimitExceeded Gateway.NotAttached GatewayLimitExceeded IdempotentInstanceTerminated
        IdempotentParameterMismatch IncompatibleHostRequirements IncorrectInstanceState IncorrectState
        InstanceAlreadyLinked InstanceCreditSpecification.NotSupported InstanceLimitExceeded
        InsufficientFreeAddressesInSubnet InternetGatewayLimitExceeded InvalidAMIID.Malformed InvalidAMIID.NotFound
        InvalidAMIID.Unavailable InvalidAddress.NotFound InvalidAllocationID.NotFound InvalidAssociationID.NotFound
        InvalidAttachment.NotFound InvalidAttachmentID.NotFound InvalidAvailabilityZone InvalidBlockDeviceMapping
        InvalidCapacityReservationId.Malformed InvalidCapacityReservationId.NotFound InvalidClientToken
        InvalidDhcpOptionsID.NotFound InvalidFilter InvalidGroup.Duplicate InvalidGroup.InUse InvalidGroup.NotFound
        InvalidGroup.Reserved InvalidGroupId.Malformed InvalidIPAddress.InUse InvalidInput InvalidInstanceAttributeValue
        InvalidInstanceID InvalidInstanceID.Malformed InvalidInstanceID.NotFound InvalidInstanceType
        InvalidInternetGatewayID.NotFound InvalidInternetGatewayId.Malformed InvalidKeyPair.Duplicate
        InvalidKeyPair.NotFound InvalidLaunchTemplateId.NotFound InvalidNatGatewayID.NotFound
        InvalidNetworkInterface.InUse InvalidNetworkInterface.NotFound InvalidNetworkInterfaceID.NotFound
        InvalidOption.Conflict InvalidParameter InvalidParameterCombination InvalidParameterValue
        InvalidPaginationToken InvalidPermission.Duplicate InvalidPermission.Malformed InvalidPermission.NotFound
        InvalidPlacementGroup.Duplicate InvalidPlacementGroup.InUse InvalidPlacementGroup.Unknown InvalidRequest
        InvalidReservationID.NotFound InvalidRoute.InvalidState InvalidRoute.Malformed InvalidRoute.NotFound
        InvalidRouteTableID.NotFound InvalidRouteTableId.Malformed InvalidSecurityGroupID.NotFound
        InvalidSecurityGroupRuleId.NotFound InvalidSnapshot.NotFound InvalidState InvalidSubnet InvalidSubnet.Conflict
        InvalidSubnet.Range InvalidSubnetID.NotFound InvalidSubnetId.Malformed InvalidTagKey.Malformed
        InvalidUserData.Malformed InvalidVolume.NotFound InvalidVpcEndpointId.NotFound InvalidVpcID.NotFound
        InvalidVpcId.Malformed InvalidVpcRange InvalidVpcState InvalidZone.NotFound KeyPairLimitExceeded
        MalformedQueryString MaxSpotInstanceCountExceeded MissingParameter NatGatewayLimitExceeded
        NatGatewayMalformed NatGatewayNotFound NetworkInterfaceLimitExceeded OperationNotPermitted PendingVerification
        PlacementGroupLimitExceeded PrivateIpAddressLimitExceeded ReservationCapacityExceeded
        Resource.AlreadyAssociated ResourceCountExceeded ResourceLimitExceeded RouteAlreadyExists RouteLimitExceeded
        RouteTableLimitExceeded RulesPerSecurityGroupLimitExceeded SecurityGroupLimitExceeded
        SecurityGroupsPerInterfaceLimitExceeded SpotMaxPriceTooLow SubnetLimitExceeded TagLimitExceeded
        TagPolicyViolation UnknownParameter Unsupported UnsupportedOperation UnsupportedTenancy VcpuLimitExceeded
        VolumeInUse VpcLimitExceeded InvalidCharacter InvalidResourceType.Unknown MissingAction InvalidAction
        EC2ThrottledException DryRunOperation
    """,
    401: "AuthFailure",
    403: "Blocked OptInRequired UnauthorizedOperation SignatureDoesNotMatch RequestExpired InvalidClientTokenId",
    500: """
        InsufficientAddressCapacity InsufficientCapacity InsufficientCapacityOnHost InsufficientHostCapacity
        InsufficientInstanceCapacity InsufficientReservedInstanceCapacity InsufficientVolumeCapacity InternalError
        InternalFailure ServerInternal
    """,
    503: "RequestLimitExceeded ServiceUnavailable Unavailable",
}

S3 = {
    400: """
        BadDigest EntityTooLarge ExpiredToken IllegalLocationConstraintException IncompleteBody InvalidArgument
        InvalidBucketName InvalidDigest InvalidLocationConstraint InvalidPart InvalidPartOrder InvalidTag InvalidToken
        MalformedACLError MalformedPolicy MalformedXML RequestTimeout TooManyBuckets AuthorizationHeaderMalformed
    """,
    403: """
        AllAccessDisabled InvalidAccessKeyId RequestTimeTooSkewed SignatureDoesNotMatch AccountProblem
    """,
    404: """
        NoSuchBucketPolicy NoSuchCORSConfiguration NoSuchLifecycleConfiguration
        NoSuchPublicAccessBlockConfiguration NoSuchTagSet NoSuchVersion NoSuchWebsiteConfiguration NotFound
        OwnershipControlsNotFoundError ReplicationConfigurationNotFoundError
        ServerSideEncryptionConfigurationNotFoundError ObjectLockConfigurationNotFoundError
    """,
    405: "MethodNotAllowed",
    409: "BucketNotEmpty ConditionalRequestConflict InvalidBucketState OperationAborted",
    411: "MissingContentLength",
    412: "PreconditionFailed",
    416: "InvalidRange",
    500: "InternalError",
    501: "NotImplemented",
    503: "ServiceUnavailable SlowDown",
}

# What every service may answer.
COMMON = {
    400: """
        ExpiredTokenException IncompleteSignature InvalidAction InvalidParameterCombination InvalidQueryParameter
        MalformedQueryString MissingAction MissingParameter ThrottlingException UnrecognizedClientException
        ValidationError ValidationException RequestExpired Throttling SerializationException
    """,
    403: """
        AccessDenied AccessDeniedException ExpiredToken InvalidClientTokenId InvalidSignatureException
        MissingAuthenticationToken MissingAuthenticationTokenException NotAuthorized OptInRequired
        SignatureDoesNotMatch
    """,
    404: "UnknownOperationException",
    413: "RequestEntityTooLarge",
    429: "TooManyRequestsException Throttling",
    500: "InternalFailure",
    503: "ServiceUnavailable",
}


def model(service):
    folder = os.path.join(os.path.dirname(botocore.__file__), "data", service)
    with gzip.open(os.path.join(folder, max(os.listdir(folder)), "service-2.json.gz")) as file:
        return json.load(file)


def main():
    rows = set()
    for service, prefix in SERVICES.items():
        for name, shape in model(service)["shapes"].items():
            if shape.get("exception"):
                error = shape.get("error", {})
                rows.add((prefix, error.get("code", name), error.get("httpStatusCode", "")))
    for prefix, written in [("ec2", EC2), ("s3", S3), ("*", COMMON)]:
        for status, codes in written.items():
            rows.update((prefix, code, status) for code in codes.split())
    out = csv.writer(sys.stdout, lineterminator="\n")
    out.writerow(["service", "code", "status"])
    out.writerows(sorted(rows, key=lambda row: tuple(map(str, row))))


main()
