//! Which machine has a volume: one at most, and the next one when the first has let go.
use super::{Volume, read::holds};
use crate::{
    aws::{Error, ErrorClass, optional},
    call::Ctx,
    kinds::ec2,
};
use aws_sdk_ec2::types::{Volume as Found, VolumeAttachmentState as Hold};

/// The volume as it is now: what a sweep has shown may be an earlier machine.
async fn now(ctx: &Ctx, id: &str) -> Result<Option<Found>, Error> {
    let filter = ec2::filter("volume-id", id);
    let found = optional(ctx.aws.ec2().describe_volumes().filters(filter).send().await.map_err(Error::from))?;
    Ok(found.and_then(|found| found.volumes?.into_iter().next()))
}

/// Attaches it to the machine that is wanted. While another one has it, that one lets go first: the next round attaches.
pub(super) async fn bring(want: &Volume, ctx: &Ctx, id: &str) -> Result<(), Error> {
    let (instance, device) = match &want.attach {
        Some(attach) => (one(attach.instances.get()?)?, attach.device.as_str()),
        None => (None, ""),
    };
    let Some(volume) = now(ctx, id).await? else { return Ok(()) };
    let has = holds(&volume).next();
    let right = has.is_some_and(|has| has.instance_id() == instance && has.device() == Some(device));
    match (has, instance) {
        _ if right => Ok(()),
        (Some(_), _) => detach(ctx, id).await.map(drop),
        (None, Some(instance)) => {
            let call = ctx.aws.ec2().attach_volume().volume_id(id).instance_id(instance).device(device);
            call.send().await.map(drop).map_err(Error::from)
        }
        (None, None) => Ok(()),
    }
}

/// The only machine of a list.
fn one(instances: &[String]) -> Result<Option<&str>, Error> {
    match instances {
        [] => Ok(None),
        [one] => Ok(Some(one)),
        more => {
            let text = format!("a volume is attached to one machine, and `attach.instances` has {}", more.len());
            let help = "write one of them: `[\"${nodes.instance_ids[0]}\"]`";
            Err(Error::new(ErrorClass::Invalid, text).help(help))
        }
    }
}

/// Asks every machine that has it to let go; one that has not yet is answered.
pub(super) async fn detach(ctx: &Ctx, id: &str) -> Result<Option<String>, Error> {
    let Some(volume) = now(ctx, id).await? else { return Ok(None) };
    let mut held = None;
    for hold in holds(&volume) {
        let instance = hold.instance_id().unwrap_or("a machine of AWS's");
        match hold.state() {
            Some(Hold::Busy) => {
                let text = format!("{id} is still mounted on {instance}, so AWS does not detach it");
                return Err(Error::new(ErrorClass::WrongState, text).help(format!("unmount it on {instance}")));
            }
            Some(Hold::Detaching) => {}
            _ => {
                let call = ctx.aws.ec2().detach_volume().volume_id(id).instance_id(instance);
                optional(call.send().await.map_err(Error::from))?;
            }
        }
        held = Some(instance.to_owned());
    }
    Ok(held)
}
