//! What only a question for a single machine tells: its user data, and what they were made from.
use super::InstanceGroup;
use crate::{
    aws::Error,
    call::SweepCtx,
    resource::{Live, Revealed},
};
use serde_json::Value;

/// User data and images can be asked for, instance by instance, which only an import does. What a *name* of an image
/// stood for when the instances were launched, nobody can say.
pub(super) async fn inspect(
    ctx: &SweepCtx,
    want: &InstanceGroup,
    live: &Live<InstanceGroup>,
) -> Result<Vec<(&'static str, bool)>, Error> {
    let mut out = Vec::new();
    if let Some(image) = want.image.as_deref().filter(|image| image.starts_with("ami-")) {
        out.push(("image", live.outputs.get("image_id").and_then(Value::as_str) == Some(image)));
    }
    let Some(boot) = &want.boot else { return Ok(out) };
    let mut same = true;
    // A value that waits for another resource cannot be what the machines were started with.
    match boot.user_data() {
        Err(_) => same = false,
        Ok(wanted) => {
            for member in &live.members {
                let has = String::from_utf8(user_data(ctx, &member.id).await?);
                // Windows line ends are taken out of what is sent, which machines that are imported may have.
                same = same && has.is_ok_and(|has| has.replace("\r\n", "\n") == wanted);
            }
        }
    }
    out.push(("boot", same));
    Ok(out)
}

/// The user data of one machine.
async fn user_data(ctx: &SweepCtx, id: &str) -> Result<Vec<u8>, Error> {
    use base64::Engine as _;
    let ask = ctx.aws.ec2().describe_instance_attribute().instance_id(id);
    let answer = ask.attribute(aws_sdk_ec2::types::InstanceAttributeName::UserData).send().await?;
    let text = answer.user_data.and_then(|v| v.value).unwrap_or_default();
    Ok(base64::engine::general_purpose::STANDARD.decode(text.trim()).unwrap_or_default())
}

/// The user data of the first member, and what a new one gets.
pub(super) async fn reveal(
    ctx: &SweepCtx,
    want: &InstanceGroup,
    live: &Live<InstanceGroup>,
) -> Result<Vec<Revealed>, Error> {
    let Some(member) = live.members.first() else { return Ok(Vec::new()) };
    let before = String::from_utf8_lossy(&user_data(ctx, &member.id).await?).into_owned();
    let after = want.boot.as_ref().map(super::boot::Boot::shown).unwrap_or_default();
    Ok(vec![("boot", before, after)])
}
