"""Exercises every operation of the sandbox with boto3.

run.py --url http://127.0.0.1:PORT [PATTERN]      against a sandbox that is served already
run.py --serve COMMAND... [-- PATTERN]            starts one; `{port}` in the command is replaced by a free port

Without arguments the command is taken from DLINFRA_SANDBOX_SERVE. Serve at a high speed (600): life cycles of
minutes are waited for.
"""

import os
import shlex
import sys

import harness

# Importing registers the checks.
import clients
import commands
import costs
import ec2_capacity
import ec2_groups
import ec2_instances
import ec2_network
import elbv2
import events
import fsx
import functions
import iam
import logs
import monitoring
import pricing
import quotas
import s3_buckets
import s3_objects
import s3_uploads
import s3_wire
import sagemaker
import schedules
import sns
import sqs
import ssm
import sts


def main(arguments):
    if arguments[:1] == ["--url"]:
        return harness.run(arguments[1], *arguments[2:])
    if arguments[:1] == ["--serve"]:
        at = arguments.index("--") if "--" in arguments else len(arguments)
        command, rest = arguments[1:at], arguments[at + 1 :]
    elif "DLINFRA_SANDBOX_SERVE" in os.environ:
        command, rest = shlex.split(os.environ["DLINFRA_SANDBOX_SERVE"]), arguments
    else:
        sys.exit(__doc__)
    process, url = harness.start(command)
    try:
        return harness.run(url, *rest)
    finally:
        process.kill()
        process.wait()


if __name__ == "__main__":
    sys.exit(1 if main(sys.argv[1:]) else 0)
