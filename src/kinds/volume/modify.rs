//! Changes of size, type and rates. AWS takes four of a volume in 24 hours, each when the one before it is completed:
//! <https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_ModifyVolume.html>. So all of them go in one call, what has
//! been asked for already is not asked for again, and who must wait is told how long.
use super::{Volume, VolumeType, int};
use crate::{
    aws::{Error, ErrorClass},
    call::Ctx,
    kinds::ec2,
};
use aws_sdk_ec2::types::{VolumeModification, VolumeModificationState as State};
use jiff::{SignedDuration, Timestamp};

/// AWS may show a volume as it was for so long after it has taken a change.
const SHOWN_WITHIN: SignedDuration = SignedDuration::from_mins(5);

pub(super) async fn modify(want: &Volume, ctx: &Ctx, id: &str) -> Result<(), Error> {
    let filter = ec2::filter("volume-id", id);
    let found = ctx.aws.ec2().describe_volumes_modifications().filters(filter).send().await?;
    let latest = found
        .volumes_modifications
        .unwrap_or_default()
        .into_iter()
        .max_by_key(|one| one.start_time().map(aws_smithy_types::DateTime::secs));
    if let Some(latest) = &latest {
        let going = matches!(latest.modification_state(), Some(State::Modifying | State::Optimizing));
        let now = ctx.clock.now();
        let fresh = began(latest).is_some_and(|at| now.duration_since(at) < SHOWN_WITHIN);
        let failed = latest.modification_state() == Some(&State::Failed);
        if is_for(latest, want) && !failed && (going || fresh) {
            return Ok(());
        }
        if going {
            return Err(busy(latest, id, now));
        }
    }
    // Of other types AWS takes no rates.
    let rates = matches!(want.volume_type, VolumeType::Gp3 | VolumeType::Io2);
    let call = ctx.aws.ec2().modify_volume().volume_id(id).size(want.gib()).volume_type(want.volume_type.aws());
    let call = call.set_iops(want.iops.filter(|_| rates).map(int));
    let sent = call.set_throughput(want.mib_per_second()).send().await.map_err(Error::from);
    sent.map(drop).map_err(|error| if error.is("VolumeModificationRateExceeded") { too_often(error) } else { error })
}

fn began(change: &VolumeModification) -> Option<Timestamp> {
    ec2::time(change.start_time().copied())
}

/// Is this what is wanted now?
fn is_for(change: &VolumeModification, want: &Volume) -> bool {
    change.target_size() == Some(want.gib())
        && change.target_volume_type() == Some(&want.volume_type.aws())
        && (want.iops.is_none() || change.target_iops() == want.iops.map(int))
        && (want.throughput.is_none() || change.target_throughput() == want.mib_per_second())
}

/// Another change goes on: this one waits, and the reader learns how long.
fn busy(change: &VolumeModification, id: &str, now: Timestamp) -> Error {
    let state = change.modification_state().map_or("unknown", State::as_str);
    let progress = change.progress().unwrap_or(0);
    let since = began(change).map(|at| now.duration_since(at)).unwrap_or_default();
    let rest = match progress {
        1..100 => since.as_secs() * (100 - progress) / progress,
        _ => 0,
    };
    let left = if rest > 0 { format!(", about {} min more", rest / 60 + 1) } else { String::new() };
    let text = format!("the last change of {id} is {state}, {progress} % in {} min{left}", since.as_mins());
    let help = "AWS takes the next change when this one is completed, at most four in 24 hours: apply again then";
    Error::new(ErrorClass::WrongState, text).help(help)
}

/// More calls would be refused too, so nothing is tried again.
fn too_often(error: Error) -> Error {
    let help = "AWS changes a volume four times in 24 hours, and its message says when the next change is taken: apply \
                again then. Changes that are written together count as one";
    Error { class: ErrorClass::Other, ..error }.help(help)
}
