//! What machines wrote while they started: their serial consoles, which EC2 keeps for a while after their end.
use super::InstanceGroup;
use crate::{
    aws::{Error, log_events::LogLine, optional},
    call::SweepCtx,
    kinds::ec2,
    resource::{Live, Logs},
};
use base64::Engine as _;
use jiff::Timestamp;

impl Logs for InstanceGroup {
    /// A console has no times of its own, so all of it counts as written when EC2 last read it, however long ago.
    async fn lines(ctx: &SweepCtx, live: &Live<Self>, _: Timestamp) -> Result<Vec<LogLine>, Error> {
        let mut out = Vec::new();
        for member in &live.members {
            let asked = ctx.aws.ec2().get_console_output().instance_id(&member.id).send().await;
            let Some(found) = optional(asked.map_err(Error::from))? else { continue };
            let read = base64::engine::general_purpose::STANDARD.decode(found.output().unwrap_or_default().trim());
            let text = String::from_utf8_lossy(&read.unwrap_or_default()).into_owned();
            let time = ec2::time(found.timestamp().copied()).unwrap_or_default();
            let line = |(number, text): (usize, &str)| LogLine {
                time,
                source: member.id.clone(),
                text: text.trim_end().to_owned(),
                id: format!("{}/{number}", member.id),
            };
            out.extend(text.lines().enumerate().map(line));
        }
        Ok(out)
    }
}
