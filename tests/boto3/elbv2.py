"""Elastic Load Balancing v2: load balancers, listeners, rules, target groups, and targets that live and leave."""

from ec2_instances import image
from ec2_network import subnet, vpc
from harness import ACCOUNT, REGION, check, eventually, fails, pages, refused, tags, untag

CERTIFICATE = f"arn:aws:acm:{REGION}:{ACCOUNT}:certificate/11111111-2222-3333-4444-555555555555"


class Ground:
    """Two zones to stand in."""

    def __init__(self, sandbox):
        self.ec2, self.elb = sandbox.client("ec2"), sandbox.client("elbv2")
        self.vpc = vpc(self.ec2, "10.0.0.0/16")
        self.a = subnet(self.ec2, self.vpc, "10.0.0.0/24", f"{REGION}a")
        self.b = subnet(self.ec2, self.vpc, "10.0.1.0/24", f"{REGION}b")
        made = self.ec2.create_security_group(GroupName="door", Description="door", VpcId=self.vpc)
        self.door = made["GroupId"]

    def balancer(self, name="a", **more):
        wanted = {"Subnets": [self.a, self.b], "SecurityGroups": [self.door], "Scheme": "internal", **more}
        return self.elb.create_load_balancer(Name=name, **wanted)["LoadBalancers"][0]

    def group(self, name="g", **more):
        wanted = {"Protocol": "HTTP", "Port": 8000, "VpcId": self.vpc, **more}
        return self.elb.create_target_group(Name=name, **wanted)["TargetGroups"][0]

    def listener(self, balancer, group, port=80, **more):
        wanted = {"Protocol": "HTTP", "DefaultActions": forward(group), **more}
        return self.elb.create_listener(LoadBalancerArn=balancer, Port=port, **wanted)["Listeners"][0]

    def attributes(self, **of):
        which = "load_balancer" if "LoadBalancerArn" in of else "target_group"
        return untag(getattr(self.elb, f"describe_{which}_attributes")(**of)["Attributes"])


def forward(group):
    return [{"Type": "forward", "TargetGroupArn": group}]


@check
def a_load_balancer_lives(sandbox):
    ground = Ground(sandbox)
    elb = ground.elb
    it = ground.balancer(Tags=tags({"a": "1"}))
    arn = it["LoadBalancerArn"]
    assert arn.startswith(f"arn:aws:elasticloadbalancing:{REGION}:{ACCOUNT}:loadbalancer/app/a/"), arn
    assert it["State"]["Code"] == "provisioning" and it["DNSName"].startswith("internal-a-"), it
    assert it["Scheme"] == "internal" and it["Type"] == "application" and it["VpcId"] == ground.vpc, it
    assert sorted(z["ZoneName"] for z in it["AvailabilityZones"]) == [f"{REGION}a", f"{REGION}b"], it
    # The same again is the same; with other settings it is refused.
    assert ground.balancer(Tags=tags({"a": "1"}))["LoadBalancerArn"] == arn
    fails("DuplicateLoadBalancerName", ground.balancer, Scheme="internal", Tags=tags({"a": "2"}))
    eventually(lambda: elb.describe_load_balancers(Names=["a"])["LoadBalancers"][0]["State"]["Code"] == "active")
    ground.balancer("b")
    found = pages(elb, "describe_load_balancers", "LoadBalancers", "PageSize", 1)
    assert [one["LoadBalancerName"] for one in found] == ["a", "b"], found
    fails("LoadBalancerNotFound", elb.describe_load_balancers, Names=["none"])
    fails("LoadBalancerNotFound", elb.describe_load_balancers, LoadBalancerArns=[arn[:-1] + "x"])
    # Its interfaces hold the subnets, and stay for a while.
    query = [{"Name": "description", "Values": [f"ELB {arn.split('loadbalancer/')[1]}"]}]
    interfaces = lambda: ground.ec2.describe_network_interfaces(Filters=query)["NetworkInterfaces"]
    assert sorted(one["SubnetId"] for one in interfaces()) == sorted([ground.a, ground.b])
    elb.delete_load_balancer(LoadBalancerArn=arn)
    elb.delete_load_balancer(LoadBalancerArn=arn)
    fails("LoadBalancerNotFound", elb.describe_load_balancers, Names=["a"])
    assert interfaces(), "they stay for a while"
    fails("DependencyViolation", ground.ec2.delete_subnet, SubnetId=ground.a)
    eventually(lambda: not interfaces())


@check
def load_balancers_are_checked(sandbox):
    ground = Ground(sandbox)
    for name in ("-a", "a_b", "a" * 33, "internal-a"):
        fails("ValidationError", ground.balancer, name=name)
    fails("ValidationError", ground.balancer, Subnets=[ground.a])
    fails("ValidationError", ground.balancer, Subnets=[])
    twin = subnet(ground.ec2, ground.vpc, "10.0.2.0/24", f"{REGION}a")
    fails("InvalidConfigurationRequest", ground.balancer, Subnets=[ground.a, twin])
    fails("SubnetNotFound", ground.balancer, Subnets=[ground.a, "subnet-0123456789abcdef0"])
    fails("InvalidSecurityGroup", ground.balancer, SecurityGroups=["sg-0123456789abcdef0"])
    fails("InvalidSubnet", ground.balancer, Scheme="internet-facing")
    refused("gateway", ground.balancer, Type="gateway")
    network = ground.balancer("n", Type="network", Subnets=[ground.a], SecurityGroups=[])
    assert "/net/n/" in network["LoadBalancerArn"] and "SecurityGroups" not in network, network
    fails("InvalidConfigurationRequest", ground.elb.set_security_groups,
          LoadBalancerArn=network["LoadBalancerArn"], SecurityGroups=[ground.door])


@check
def load_balancers_change(sandbox):
    ground = Ground(sandbox)
    elb, arn = ground.elb, ground.balancer()["LoadBalancerArn"]
    other = subnet(ground.ec2, ground.vpc, "10.0.2.0/24", f"{REGION}c")
    told = elb.set_subnets(LoadBalancerArn=arn, Subnets=[ground.a, other])["AvailabilityZones"]
    assert sorted(zone["SubnetId"] for zone in told) == sorted([ground.a, other]), told
    fails("ValidationError", elb.set_subnets, LoadBalancerArn=arn, Subnets=[ground.a])
    made = ground.ec2.create_security_group(GroupName="o", Description="o", VpcId=ground.vpc)["GroupId"]
    told = elb.set_security_groups(LoadBalancerArn=arn, SecurityGroups=[made])["SecurityGroupIds"]
    assert told == [made], told
    usual = ground.attributes(LoadBalancerArn=arn)
    assert usual["idle_timeout.timeout_seconds"] == "60" and usual["deletion_protection.enabled"] == "false", usual

    def sets(**pairs):
        keys = {key.replace("__", "."): value for key, value in pairs.items()}
        return untag(elb.modify_load_balancer_attributes(LoadBalancerArn=arn, Attributes=tags(keys))["Attributes"])

    assert sets(idle_timeout__timeout_seconds="600")["idle_timeout.timeout_seconds"] == "600"
    fails("ValidationError", sets, idle_timeout__timeout_seconds="4001")
    fails("InvalidConfigurationRequest", sets, access_logs__s3__enabled="true")
    fails("InvalidConfigurationRequest", sets, color="red")
    sets(deletion_protection__enabled="true")
    fails("OperationNotPermitted", elb.delete_load_balancer, LoadBalancerArn=arn)


@check
def listeners_live(sandbox):
    ground = Ground(sandbox)
    elb, arn, group = ground.elb, ground.balancer()["LoadBalancerArn"], ground.group()["TargetGroupArn"]
    it = ground.listener(arn, group)
    assert it["Port"] == 80 and it["DefaultActions"][0]["TargetGroupArn"] == group, it
    assert ground.listener(arn, group)["ListenerArn"] == it["ListenerArn"]
    two = ground.group("two")["TargetGroupArn"]
    fails("DuplicateListener", ground.listener, balancer=arn, group=two)
    fails("ValidationError", ground.listener, balancer=arn, group=group, port=443, Protocol="HTTPS")
    fails("ValidationError", ground.listener, balancer=arn, group=group, port=81, Protocol="TCP")
    secure = {"Protocol": "HTTPS", "Certificates": [{"CertificateArn": CERTIFICATE}]}
    fails("SSLPolicyNotFound", ground.listener, balancer=arn, group=group, port=443, **secure, SslPolicy="x")
    fails("CertificateNotFound", ground.listener, balancer=arn, group=group, port=443, Protocol="HTTPS",
          Certificates=[{"CertificateArn": "x"}])
    changed = elb.modify_listener(ListenerArn=it["ListenerArn"], DefaultActions=forward(two), **secure)["Listeners"][0]
    assert changed["SslPolicy"].startswith("ELBSecurityPolicy-") and changed["Protocol"] == "HTTPS", changed
    fails("TargetGroupNotFound", elb.modify_listener, ListenerArn=it["ListenerArn"], DefaultActions=forward(group + "x"))
    tcp = ground.group("tcp", Protocol="TCP")["TargetGroupArn"]
    fails("IncompatibleProtocols", elb.modify_listener, ListenerArn=it["ListenerArn"], DefaultActions=forward(tcp))
    other = ground.balancer("other")["LoadBalancerArn"]
    fails("TargetGroupAssociationLimit", ground.listener, balancer=other, group=two)
    found = elb.describe_listeners(LoadBalancerArn=arn)["Listeners"]
    assert [one["ListenerArn"] for one in found] == [it["ListenerArn"]], found
    fails("ResourceInUse", elb.delete_target_group, TargetGroupArn=two)
    elb.delete_listener(ListenerArn=it["ListenerArn"])
    fails("ListenerNotFound", elb.delete_listener, ListenerArn=it["ListenerArn"])
    elb.delete_target_group(TargetGroupArn=two)
    elb.delete_target_group(TargetGroupArn=two)


@check
def rules_have_their_order(sandbox):
    ground = Ground(sandbox)
    elb, arn, group = ground.elb, ground.balancer()["LoadBalancerArn"], ground.group()["TargetGroupArn"]
    listener = ground.listener(arn, group)["ListenerArn"]
    path = lambda *values: [{"Field": "path-pattern", "PathPatternConfig": {"Values": list(values)}}]

    def rule(priority, conditions, **more):
        return elb.create_rule(ListenerArn=listener, Priority=priority, Conditions=conditions, Actions=forward(group),
                               **more)["Rules"][0]

    one = rule(10, path("/v1/*"), Tags=tags({"a": "1"}))
    assert one["Priority"] == "10" and one["Conditions"][0]["Values"] == ["/v1/*"] and not one["IsDefault"], one
    two = rule(20, [{"Field": "host-header", "Values": ["*.example.com"]}])
    fails("PriorityInUse", rule, priority=10, conditions=path("/v2/*"))
    fails("ValidationError", rule, priority=30, conditions=path())
    refused("source-ip", rule, priority=30, conditions=[{"Field": "source-ip", "SourceIpConfig": {"Values": ["10.0.0.0/8"]}}])
    elb.set_rule_priorities(RulePriorities=[
        {"RuleArn": one["RuleArn"], "Priority": 20}, {"RuleArn": two["RuleArn"], "Priority": 10}])
    changed = elb.modify_rule(RuleArn=one["RuleArn"], Conditions=path("/v3/*"))["Rules"][0]
    assert changed["Conditions"][0]["Values"] == ["/v3/*"], changed
    found = elb.describe_rules(ListenerArn=listener)["Rules"]
    assert [r["Priority"] for r in found] == ["10", "20", "default"], found
    assert found[0]["RuleArn"] == two["RuleArn"] and found[2]["IsDefault"], found
    fails("OperationNotPermitted", elb.delete_rule, RuleArn=found[2]["RuleArn"])
    elb.delete_rule(RuleArn=one["RuleArn"])
    fails("RuleNotFound", elb.describe_rules, RuleArns=[one["RuleArn"]])


@check
def target_groups_change(sandbox):
    ground = Ground(sandbox)
    elb = ground.elb
    it = ground.group(HealthCheckPath="/health", Matcher={"HttpCode": "200-204"})
    arn = it["TargetGroupArn"]
    assert it["HealthCheckPath"] == "/health" and it["Matcher"] == {"HttpCode": "200-204"}, it
    assert it["HealthCheckIntervalSeconds"] == 30 and it["LoadBalancerArns"] == [], it
    assert ground.group(HealthCheckPath="/health", Matcher={"HttpCode": "200-204"})["TargetGroupArn"] == arn
    fails("DuplicateTargetGroupName", ground.group, Port=9000)
    fails("ValidationError", ground.group, name="two", HealthCheckTimeoutSeconds=30)
    fails("ValidationError", ground.group, name="two", HealthCheckPath="health")
    fails("ValidationError", ground.group, name="two", VpcId="vpc-0123456789abcdef0")
    refused("instances", ground.group, name="two", TargetType="ip")
    changed = elb.modify_target_group(TargetGroupArn=arn, HealthCheckIntervalSeconds=10, HealthyThresholdCount=2)
    assert changed["TargetGroups"][0]["HealthCheckIntervalSeconds"] == 10, changed
    usual = ground.attributes(TargetGroupArn=arn)
    assert usual["deregistration_delay.timeout_seconds"] == "300" and usual["stickiness.enabled"] == "false", usual
    sets = lambda value: elb.modify_target_group_attributes(
        TargetGroupArn=arn, Attributes=tags({"deregistration_delay.timeout_seconds": value}))
    assert untag(sets("30")["Attributes"])["deregistration_delay.timeout_seconds"] == "30"
    fails("ValidationError", sets, value="3601")
    listener = ground.listener(ground.balancer()["LoadBalancerArn"], arn)
    used = elb.describe_target_groups(LoadBalancerArn=listener["LoadBalancerArn"])["TargetGroups"]
    assert [one["TargetGroupArn"] for one in used] == [arn], used
    assert elb.describe_target_groups(Names=["g"])["TargetGroups"][0]["LoadBalancerArns"] == [listener["LoadBalancerArn"]]
    fails("TargetGroupNotFound", elb.describe_target_groups, Names=["none"])


@check
def targets_come_and_go(sandbox):
    ground = Ground(sandbox)
    elb, arn = ground.elb, ground.group(HealthCheckIntervalSeconds=10)["TargetGroupArn"]
    launch = lambda: ground.ec2.run_instances(
        ImageId=image(sandbox), InstanceType="t3.micro", MinCount=2, MaxCount=2, SubnetId=ground.a)["Instances"]
    one, two = (machine["InstanceId"] for machine in launch())
    fails("InvalidTarget", elb.register_targets, TargetGroupArn=arn, Targets=[{"Id": "i-0123456789abcdef0"}])

    def health():
        found = elb.describe_target_health(TargetGroupArn=arn)["TargetHealthDescriptions"]
        return {target["Target"]["Id"]: target["TargetHealth"]["State"] for target in found}

    def registered():
        try:
            elb.register_targets(TargetGroupArn=arn, Targets=[{"Id": one}, {"Id": two}])
            return True
        except elb.exceptions.InvalidTargetException:
            return False

    eventually(registered)
    assert health() == {one: "unused", two: "unused"}, health()
    ground.listener(ground.balancer()["LoadBalancerArn"], arn)
    assert health() == {one: "initial", two: "initial"}, health()
    eventually(lambda: health() == {one: "healthy", two: "healthy"})
    elb.deregister_targets(TargetGroupArn=arn, Targets=[{"Id": two}])
    assert health()[two] == "draining", health()
    eventually(lambda: health() == {one: "healthy"})
    asked = elb.describe_target_health(TargetGroupArn=arn, Targets=[{"Id": two}])["TargetHealthDescriptions"]
    assert asked[0]["TargetHealth"]["Reason"] == "Target.NotRegistered", asked
    ground.ec2.terminate_instances(InstanceIds=[one])
    eventually(lambda: health().get(one) == "unused")


@check
def everything_has_tags(sandbox):
    ground = Ground(sandbox)
    elb, group = ground.elb, ground.group(Tags=tags({"a": "1"}))["TargetGroupArn"]
    balancer = ground.balancer(Tags=tags({"a": "1"}))["LoadBalancerArn"]
    listener = ground.listener(balancer, group, Tags=tags({"a": "1"}))["ListenerArn"]
    rule = elb.create_rule(
        ListenerArn=listener, Priority=1, Actions=forward(group), Tags=tags({"a": "1"}),
        Conditions=[{"Field": "path-pattern", "Values": ["/x"]}])["Rules"][0]["RuleArn"]
    arns = [balancer, listener, rule, group]
    shown = lambda: [untag(one["Tags"]) for one in elb.describe_tags(ResourceArns=arns)["TagDescriptions"]]
    assert shown() == [{"a": "1"}] * 4, shown()
    elb.add_tags(ResourceArns=arns, Tags=tags({"b": "2"}))
    elb.remove_tags(ResourceArns=arns, TagKeys=["a"])
    assert shown() == [{"b": "2"}] * 4, shown()
    fails("LoadBalancerNotFound", elb.describe_tags, ResourceArns=[balancer[:-1] + "x"])
    fails("ValidationError", elb.describe_tags, ResourceArns=["x"])
