//! A blueprint of many kinds: small clusters written one by one, by `for_each` and as a module, and one large cluster
//! whose hundreds of subnets and groups share a network, a role and a file system. The tests of growth use it too.
use std::fmt::Write as _;

/// What machines run first, a file `boot.sh` beside the blueprint.
pub(crate) const SCRIPT: &str = "#!/bin/sh\nmount -t lustre \"$CACHE\" /fsx\n";

/// The module of a small cluster, a file `cell.yaml` beside the blueprint.
pub(crate) fn module() -> String {
    format!("module: cell\nresources:\n{}", cell("", None))
}

/// A blueprint of exactly so many resources, at least 100.
pub(crate) fn blueprint(count: usize) -> String {
    let resources = |text: &str| text.matches("kind:").count();
    let wide = count / 20;
    let hub = HUB.replace("WIDE", &wide.to_string());
    let fixed = resources(HUB) - 2 + 2 * wide;
    let (cells, spare) = ((count - fixed) / resources(CELL), (count - fixed) % resources(CELL));
    let third = cells / 3;
    let mut out = String::from("blueprint: mixed\nregion: us-east-1\nowner: bench\nttl: 72h\nresources:\n");
    out.push_str(&hub);
    out.push_str(&cell("each-", Some(third)));
    let _ = writeln!(out, "  cell:\n    use: ./cell.yaml\n    for_each: ${{range({})}}", cells - 2 * third);
    for number in 0..third {
        out.push_str(&cell(&format!("c{number:04}-"), None));
    }
    let _ = writeln!(out, "  spare:\n    kind: bucket\n    for_each: ${{range({spare})}}");
    out
}

/// One small cluster, or so many of them by `for_each`.
fn cell(head: &str, many: Option<usize>) -> String {
    let each = many.map_or(String::new(), |many| format!("    for_each: ${{range({many})}}\n"));
    let key = if many.is_some() { "[each.key]" } else { "" };
    CELL.replace("    EACH\n", &each).replace('<', head).replace('>', key)
}

/// `<name` is a resource of the same cluster, `<name>` a pointer to it.
const CELL: &str = "  <vpc:
    kind: vpc
    EACH
    cidr: 10.0.0.0/16
  <internet:
    kind: internet-gateway
    EACH
    vpc: ${<vpc>}
  <public:
    kind: subnet
    EACH
    vpc: ${<vpc>}
    cidr: 10.0.240.0/20
    zone: us-east-1a
  <private:
    kind: subnet
    EACH
    vpc: ${<vpc>}
    cidr: 10.0.0.0/20
    zone: us-east-1a
  <nat:
    kind: nat-gateway
    EACH
    subnet: ${<public>}
    internet_gateway: ${<internet>}
  <public-routes:
    kind: route-table
    EACH
    vpc: ${<vpc>}
    subnets: ['${<public>}']
    routes: [{ to: 0.0.0.0/0, internet_gateway: '${<internet>}' }]
  <private-routes:
    kind: route-table
    EACH
    vpc: ${<vpc>}
    subnets: ['${<private>}']
    routes: [{ to: 0.0.0.0/0, nat_gateway: '${<nat>}' }]
  <nodes-group:
    kind: security-group
    EACH
    vpc: ${<vpc>}
    ingress: [{ protocol: all, self: true }, { protocol: tcp, ports: '443', source: '${<storage-group>}' }]
    egress: [{ protocol: all, self: true }, { protocol: all, cidr: 0.0.0.0/0 }]
  <storage-group:
    kind: security-group
    EACH
    vpc: ${<vpc>}
    ingress:
      - { protocol: tcp, ports: '988', self: true }
      - { protocol: tcp, ports: 1018-1023, self: true }
      - { protocol: tcp, ports: '988', source: '${<nodes-group>}' }
      - { protocol: tcp, ports: 1018-1023, source: '${<nodes-group>}' }
  <role:
    kind: iam-role
    EACH
    trust: [ec2.amazonaws.com]
    instance_profile: true
    managed_policies: [AmazonSSMManagedInstanceCore]
    policies:
      data:
        Statement:
          - { Effect: Allow, Action: s3:ListBucket, Resource: '${<data>.arn}' }
          - { Effect: Allow, Action: ['s3:GetObject', 's3:PutObject'], Resource: '${<data>.arn}/*' }
  <data:
    kind: bucket
    EACH
  <cache:
    kind: fsx-lustre
    EACH
    subnet: ${<private>}
    security_groups: ['${<storage-group>}']
    deployment: scratch-2
    size: 2400 GiB
  <nodes:
    kind: instance-group
    EACH
    instance_type: p5.48xlarge
    count: 4
    subnet: ${<private>}
    image: dlami-base-ubuntu-22.04
    role: ${<role>}
    interfaces: { security_groups: ['${<nodes-group>}'] }
    boot: { script: boot.sh, env: { CACHE: '${<cache>.mount}' } }
";

const HUB: &str = "  vpc:
    kind: vpc
    cidr: 10.0.0.0/16
  internet:
    kind: internet-gateway
    vpc: ${vpc}
  public:
    kind: subnet
    vpc: ${vpc}
    cidr: 10.0.255.0/24
    zone: us-east-1a
  private:
    kind: subnet
    for_each: ${range(WIDE)}
    vpc: ${vpc}
    cidr: ${cidrsubnet(\"10.0.0.0/16\", 12, each.value)}
    zone: us-east-1a
  nat:
    kind: nat-gateway
    subnet: ${public}
    internet_gateway: ${internet}
  public-routes:
    kind: route-table
    vpc: ${vpc}
    subnets: ['${public}']
    routes: [{ to: 0.0.0.0/0, internet_gateway: '${internet}' }]
  private-routes:
    kind: route-table
    vpc: ${vpc}
    subnets: '${[for key, subnet in private : subnet]}'
    routes: [{ to: 0.0.0.0/0, nat_gateway: '${nat}' }]
  nodes-group:
    kind: security-group
    vpc: ${vpc}
    ingress: [{ protocol: all, self: true }, { protocol: tcp, ports: '443', source: '${storage-group}' }]
    egress: [{ protocol: all, self: true }, { protocol: all, cidr: 0.0.0.0/0 }]
  storage-group:
    kind: security-group
    vpc: ${vpc}
    ingress:
      - { protocol: tcp, ports: '988', self: true }
      - { protocol: tcp, ports: 1018-1023, self: true }
      - { protocol: tcp, ports: '988', source: '${nodes-group}' }
      - { protocol: tcp, ports: 1018-1023, source: '${nodes-group}' }
  role:
    kind: iam-role
    trust: [ec2.amazonaws.com]
    instance_profile: true
    managed_policies: [AmazonSSMManagedInstanceCore]
    policies:
      data:
        Statement: [{ Effect: Allow, Action: 's3:*', Resource: ['${data.arn}', '${data.arn}/*'] }]
  data:
    kind: bucket
  cache:
    kind: fsx-lustre
    subnet: ${private[\"0\"]}
    security_groups: ['${storage-group}']
    deployment: scratch-2
    size: 1200 GiB
  nodes:
    kind: instance-group
    for_each: ${range(WIDE)}
    instance_type: p5.48xlarge
    count: 4
    subnet: ${private[each.key]}
    image: dlami-base-ubuntu-22.04
    role: ${role}
    interfaces: { security_groups: ['${nodes-group}'] }
    boot: { script: boot.sh, env: { CACHE: '${cache.mount}' } }
";
