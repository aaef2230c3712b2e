//! The table of contents: every kind that dlinfra can make, one line each.
mod dialect;
mod document;
mod ec2;
mod fleet;
mod holders;
pub(crate) mod hosting;
mod named;
mod policy;

pub use crate::kind::Kind;
pub use dialect::{MODULES, dialect};

use crate::kind::Of;

macro_rules! kinds {
    ($d:tt $($file:ident :: $Type:ident $(: $first:ident $(+ $more:ident)*)?),+ $(,)?) => {
        $(pub(crate) mod $file; pub use $file::$Type;)+
        /// Every kind, by name.
        pub static KINDS: &[&dyn Kind] = &[$(&Of::<$Type>::KIND$(.$first()$(.$more())*)?),+];

        /// Calls a macro with every kind, as `file: Type, …`: tests of all kinds are generated from this table.
        #[macro_export]
        macro_rules! for_each_kind {
            ($d then:ident) => { $d then! { $($file: $Type),+ } };
        }
    };
}

// After the colon: the traits of `resource::capability` that the kind has.
kinds! {
    $
    alarm::Alarm: compares,
    bucket::Bucket: data + answers + compares,
    dashboard::Dashboard,
    elastic_ip::ElasticIp,
    event_rule::EventRule,
    flow_log::FlowLog,
    fsx_lustre::FsxLustre: data + compares,
    function::Function: compares,
    iam_role::IamRole: answers + asks + teardown,
    inference_component::InferenceComponent: compares + logs + serves + teardown,
    instance_group::InstanceGroup: fleet + compares + asks + logs + runs + teardown,
    internet_gateway::InternetGateway: answers + teardown,
    key_pair::KeyPair,
    load_balancer::LoadBalancer: compares + drains + teardown,
    log_group::LogGroup: data + logs,
    nat_gateway::NatGateway: teardown,
    placement_group::PlacementGroup,
    queue::Queue,
    route_table::RouteTable: answers + teardown,
    sagemaker_endpoint::SagemakerEndpoint: compares + logs + serves + teardown,
    schedule_group::ScheduleGroup,
    security_group::SecurityGroup: answers + teardown,
    subnet::Subnet: answers + compares + asks + teardown,
    topic::Topic: compares,
    vpc::Vpc: answers + teardown,
    vpc_endpoint::VpcEndpoint,
}
