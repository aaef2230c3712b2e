//! The table of contents: every kind that dlinfra can make, one line each.
mod ec2;

use crate::kind::{Kind, Of};

macro_rules! kinds {
    ($($file:ident :: $Type:ident),+ $(,)?) => {
        $(mod $file; pub use $file::$Type;)+
        /// Every kind, by name.
        pub static KINDS: &[&dyn Kind] = &[$(&Of::<$Type>::KIND),+];
    };
}

kinds! {
    vpc::Vpc,
}
