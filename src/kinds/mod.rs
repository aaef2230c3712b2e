//! The table of contents: every kind that dlinfra can make, one line each.
mod dialect;
mod ec2;
mod holders;
mod named;
mod policy;

pub use dialect::{MODULES, dialect};

use crate::kind::{Kind, Of};

macro_rules! kinds {
    ($d:tt $($file:ident :: $Type:ident),+ $(,)?) => {
        $(mod $file; pub use $file::$Type;)+
        /// Every kind, by name.
        pub static KINDS: &[&dyn Kind] = &[$(&Of::<$Type>::KIND),+];

        /// Calls a macro with every kind, as `file: Type, …`: tests of all kinds are generated from this table.
        #[macro_export]
        macro_rules! for_each_kind {
            ($d then:ident) => { $d then! { $($file: $Type),+ } };
        }
    };
}

kinds! {
    $
    alarm::Alarm,
    bucket::Bucket,
    dashboard::Dashboard,
    fsx_lustre::FsxLustre,
    iam_role::IamRole,
    instance_group::InstanceGroup,
    internet_gateway::InternetGateway,
    log_group::LogGroup,
    nat_gateway::NatGateway,
    route_table::RouteTable,
    security_group::SecurityGroup,
    subnet::Subnet,
    vpc::Vpc,
}
