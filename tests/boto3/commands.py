"""SSM's Run Command: machines that register, and commands that run on them as processes of this machine."""

import json
import time

from ec2_instances import Ground
from harness import check, eventually, fails, pages, refused

TRUST = {"Version": "2012-10-17", "Statement": [
    {"Effect": "Allow", "Principal": {"Service": "ec2.amazonaws.com"}, "Action": "sts:AssumeRole"}]}
CORE = "arn:aws:iam::aws:policy/AmazonSSMManagedInstanceCore"


def online(sandbox, count):
    """Machines that commands can be sent to."""
    iam, ssm = sandbox.client("iam"), sandbox.client("ssm")
    iam.create_role(RoleName="m", AssumeRolePolicyDocument=json.dumps(TRUST))
    iam.attach_role_policy(RoleName="m", PolicyArn=CORE)
    iam.create_instance_profile(InstanceProfileName="m")
    iam.add_role_to_instance_profile(InstanceProfileName="m", RoleName="m")
    # EC2 learns of a profile some seconds later.
    time.sleep(0.1)
    ground = Ground(sandbox)
    made = ground.launch(count, IamInstanceProfile={"Name": "m"})["Instances"]
    ids = [one["InstanceId"] for one in made]
    fails("InvalidInstanceId", ssm.send_command, **order(ids, "true"))
    eventually(lambda: len(ssm.describe_instance_information()["InstanceInformationList"]) == count)
    return ground, ids


def order(ids, *lines, **parameters):
    return {"InstanceIds": ids, "DocumentName": "AWS-RunShellScript", "Parameters": {"commands": list(lines)}, **parameters}


def ended(ssm, command, instance):
    """What came of a command on a machine, once it has ended."""

    def found():
        try:
            it = ssm.get_command_invocation(CommandId=command, InstanceId=instance)
        except ssm.exceptions.InvocationDoesNotExist:
            return None
        return it if it["Status"] not in ("Pending", "InProgress", "Cancelling") else None

    return eventually(found)


@check
def commands_run_on_machines(sandbox):
    ssm = sandbox.client("ssm")
    ground, ids = online(sandbox, 6)
    found = pages(ssm, "describe_instance_information", "InstanceInformationList", "MaxResults", 5)
    assert sorted(one["InstanceId"] for one in found) == sorted(ids), found
    assert all(one["PingStatus"] == "Online" and one["PlatformType"] == "Linux" for one in found), found
    one = ssm.describe_instance_information(InstanceInformationFilterList=[{"key": "InstanceIds", "valueSet": ids[:1]}])
    assert [it["InstanceId"] for it in one["InstanceInformationList"]] == ids[:1], one

    sent = ssm.send_command(**order(ids, "echo out; echo err >&2", "exit 7", Comment="c"))["Command"]
    assert sent["Status"] == "Pending" and sent["TargetCount"] == 6 and sent["Comment"] == "c", sent
    assert sent["InstanceIds"] == ids and sent["MaxConcurrency"] == "50" and sent["MaxErrors"] == "0", sent
    for id in ids:
        it = ended(ssm, sent["CommandId"], id)
        assert it["Status"] == it["StatusDetails"] == "Failed" and it["ResponseCode"] == 7, it
        assert it["StandardOutputContent"] == "out\n", it
        assert it["StandardErrorContent"] == "err\nfailed to run commands: exit status 7", it
        assert it["ExecutionStartDateTime"] < it["ExecutionEndDateTime"], it
    query = {"CommandId": sent["CommandId"], "Details": True}
    listed = pages(ssm, "list_command_invocations", "CommandInvocations", "MaxResults", 4, **query)
    assert len(listed) == 6 and all(it["CommandPlugins"][0]["ResponseCode"] == 7 for it in listed), listed
    assert listed[0]["CommandPlugins"][0]["Output"].startswith("out\n\n----------ERROR-------\nerr"), listed

    good = ssm.send_command(**order(ids[:1], "pwd; cat var/lib/cloud/data/instance-id"))["Command"]["CommandId"]
    it = ended(ssm, good, ids[0])
    assert it["Status"] == "Success" and it["StandardOutputContent"].endswith(ids[0] + "\n"), it
    commands = ssm.list_commands()["Commands"]
    assert [it["CommandId"] for it in commands] == [good, sent["CommandId"]], commands
    assert [it["Status"] for it in commands] == ["Success", "Failed"] and commands[1]["ErrorCount"] == 6, commands
    failed = ssm.list_commands(Filters=[{"key": "Status", "value": "Failed"}])["Commands"]
    assert [it["CommandId"] for it in failed] == [sent["CommandId"]], failed

    slow = ssm.send_command(**order(ids[:2], "sleep 600"))["Command"]["CommandId"]
    ssm.cancel_command(CommandId=slow)
    assert ended(ssm, slow, ids[0])["Status"] == ended(ssm, slow, ids[1])["Status"] == "Cancelled"

    ground.ec2.stop_instances(InstanceIds=ids[:1])
    fails("InvalidInstanceId", ssm.send_command, **order(ids[:1], "true"))


@check
def commands_are_checked(sandbox):
    ssm = sandbox.client("ssm")
    _, ids = online(sandbox, 1)
    fails("DuplicateInstanceId", ssm.send_command, **order(ids * 2, "true"))
    fails("InvalidInstanceId", ssm.send_command, **order(["i-00000000000000000"], "true"))
    fails("InvalidParameters", ssm.send_command, **order(ids))
    wrong = {"commands": ["true"], "executionTimeout": ["172801"]}
    fails("InvalidParameters", ssm.send_command, **{**order(ids), "Parameters": wrong})
    fails("InvalidDocumentVersion", ssm.send_command, **order(ids, "true", DocumentVersion="2"))
    fails("ValidationException", ssm.send_command, **order(ids, "true", Comment="c" * 101))
    refused("AWS-RunPowerShellScript", ssm.send_command, InstanceIds=ids, DocumentName="AWS-RunPowerShellScript")
    targets = [{"Key": "InstanceIds", "Values": ids}]
    refused("Targets", ssm.send_command, DocumentName="AWS-RunShellScript", Targets=targets)
    none = "00000000-0000-4000-8000-000000000000"
    fails("InvocationDoesNotExist", ssm.get_command_invocation, CommandId=none, InstanceId=ids[0])
    fails("InvalidCommandId", ssm.cancel_command, CommandId=none)
    fails("InvalidCommandId", ssm.list_command_invocations, CommandId=none)
    fails("InvalidCommandId", ssm.list_commands, CommandId=none)
