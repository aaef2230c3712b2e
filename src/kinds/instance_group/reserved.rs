//! Machines in a reservation that has not begun: what was bought for Friday is no failure on Monday.
use super::InstanceGroup;
use crate::{
    aws::{Error, ErrorClass},
    call::Ctx,
    kinds::ec2,
};
use aws_sdk_ec2::types::CapacityReservationState as Phase;

/// Why a launch was refused: if its reservation only begins later, that, else what AWS has said.
pub(super) async fn not_yet(want: &InstanceGroup, ctx: &Ctx, error: Error) -> Error {
    let refused = matches!(error.class, ErrorClass::WrongState | ErrorClass::Invalid | ErrorClass::Capacity);
    let Some(id) = want.reservation.as_ref().filter(|_| refused).and_then(|it| it.id().ok()) else { return error };
    let asked = ctx.aws.ec2().describe_capacity_reservations().capacity_reservation_ids(id).send().await;
    // Nobody knows better than AWS's answer to the launch then.
    let Ok(found) = asked else { return error };
    let Some(found) = found.capacity_reservations.unwrap_or_default().into_iter().next() else { return error };
    match found.state() {
        Some(Phase::Scheduled | Phase::PaymentPending | Phase::Pending | Phase::Assessing | Phase::Delayed) => {}
        _ => return error,
    }
    let state = found.state().map_or("", Phase::as_str);
    let begins = ec2::time(found.start_date).map(|at| format!(" and begins at {at}")).unwrap_or_default();
    let text = format!("{id} is {state}{begins}: machines can start in it then; the next apply after that starts them");
    Error::new(ErrorClass::TooEarly, text)
}
