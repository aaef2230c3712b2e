//! A job while it runs: where each rank is, and what it has written since the last look.
use super::{Job, script};
use crate::{
    aws::{
        Aws, Error,
        commands::{Ran, is_unreached},
    },
    resource::Id,
    units::Span,
};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use jiff::{SignedDuration, Timestamp};
use std::collections::BTreeMap;

/// A machine that does not answer for so long is lost: Spot may have taken it.
const SILENCE: SignedDuration = SignedDuration::from_mins(5);

/// Where a rank is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    /// Not begun yet.
    Waiting,
    /// It runs.
    Running,
    /// It ended by itself, or was stopped, with this exit code, at this time by the machine's clock.
    Ended(u8, Timestamp),
    /// It, or its machine, is gone, and nobody knows how it ended.
    Lost,
}

/// One machine of a job.
#[derive(Debug, Clone)]
pub struct Rank {
    /// Its machine.
    pub id: Id,
    /// Where it is.
    pub place: Place,
    /// How many bytes of its log were read.
    read: u64,
    /// How many there are.
    written: u64,
    /// When it answered last.
    heard: Timestamp,
    /// Did its machine end it, since it took too long?
    late: bool,
}

impl Rank {
    /// Is there nothing more to come from it?
    fn is_over(&self) -> bool {
        match self.place {
            Place::Ended(..) => self.read >= self.written,
            Place::Lost => true,
            Place::Waiting | Place::Running => false,
        }
    }
}

/// What one look found: bytes of logs by rank.
pub type News = Vec<(usize, Vec<u8>)>;

/// A job, and what is known of its ranks.
pub struct Watch<'a> {
    aws: &'a Aws,
    job: &'a Job,
    ranks: Vec<Rank>,
}

impl<'a> Watch<'a> {
    /// Of which nothing is known yet.
    pub fn new(aws: &'a Aws, job: &'a Job) -> Self {
        let now = aws.clock().now();
        let rank = |m: &crate::resource::Machine| Rank {
            id: m.id.clone(),
            place: Place::Waiting,
            read: 0,
            written: 0,
            heard: now,
            late: false,
        };
        Self { aws, job, ranks: job.machines.iter().map(rank).collect() }
    }

    /// The ranks, from 0.
    pub fn ranks(&self) -> &[Rank] {
        &self.ranks
    }

    /// Has every rank ended, and is all of its log read?
    pub fn is_over(&self) -> bool {
        self.ranks.iter().all(Rank::is_over)
    }

    /// Is there more of a log than was read?
    pub fn is_behind(&self) -> bool {
        self.ranks.iter().any(|r| r.read < r.written)
    }

    /// The exit code of the job: that of the rank that failed first by the clocks of the machines; 1 when the only ranks
    /// that did not succeed are lost. Nothing while it runs.
    pub fn code(&self) -> Option<u8> {
        if !self.ranks.iter().all(|r| matches!(r.place, Place::Ended(..) | Place::Lost)) {
            return None;
        }
        let failed = self.first_failure().map(|(_, code)| code);
        Some(failed.unwrap_or_else(|| u8::from(self.ranks.iter().any(|r| r.place == Place::Lost))))
    }

    /// The rank that failed first, and its code.
    pub fn first_failure(&self) -> Option<(usize, u8)> {
        let failed = self.ranks.iter().enumerate().filter_map(|(at, r)| match r.place {
            Place::Ended(code, time) if code != 0 => Some((time, at, code)),
            _ => None,
        });
        failed.min().map(|(_, at, code)| (at, code))
    }

    /// Has a machine ended its rank at the limit?
    pub fn is_late(&self) -> bool {
        self.ranks.iter().any(|r| r.late)
    }

    /// The code of each rank.
    pub fn codes(&self) -> Vec<Option<u8>> {
        let code = |r: &Rank| match r.place {
            Place::Ended(code, _) => Some(code),
            _ => None,
        };
        self.ranks.iter().map(code).collect()
    }

    /// Begins the job on each machine; where it was begun before, nothing happens.
    ///
    /// # Errors
    /// Whatever Systems Manager answers; what went wrong on a machine.
    pub async fn start(&self) -> Result<(), Error> {
        let ran = self.aws.on_machines(&self.ids(|_| true), &script::start(self.job), &self.why("start")).await?;
        match ran.iter().find(|r| r.code != Some(0)) {
            None => Ok(()),
            Some(bad) => {
                let (id, status, output) = (&bad.id, &bad.status, bad.output.trim());
                Err(Error::new(
                    crate::aws::ErrorClass::Other,
                    format!("the job did not begin on {id} ({status}): {output}"),
                )
                .help("`dlinfra ssh` opens a shell there; systemd, bash and coreutils are needed"))
            }
        }
    }

    /// Looks at every rank that is not over.
    ///
    /// # Errors
    /// Whatever Systems Manager answers, but for machines that it does not reach: those are silent.
    pub async fn look(&mut self) -> Result<News, Error> {
        let asked = self.ids(|r| !r.is_over());
        if asked.is_empty() {
            return Ok(News::new());
        }
        let known: Vec<(&str, u64)> = self.ranks.iter().map(|r| (r.id.as_str(), r.read)).collect();
        let text = script::look(self.job, known.into_iter());
        let ran = match self.aws.on_machines(&asked, &text, &self.why("look")).await {
            // One that is gone refuses the others with it: those that are there are asked by themselves.
            Err(e) if is_unreached(&e) => {
                let there = self.aws.reached(&asked).await?;
                let there: Vec<Id> = asked.iter().filter(|id| there.contains(*id)).cloned().collect();
                if there.is_empty() {
                    Vec::new()
                } else {
                    self.aws.on_machines(&there, &text, &self.why("look")).await?
                }
            }
            other => other?,
        };
        let now = self.aws.clock().now();
        let mut answers: BTreeMap<Id, Ran> = ran.into_iter().map(|r| (r.id.clone(), r)).collect();
        let mut news = News::new();
        for (at, rank) in self.ranks.iter_mut().enumerate().filter(|(_, r)| !r.is_over()) {
            match answers.remove(&rank.id).filter(|r| r.code == Some(0)).and_then(|r| Seen::read(&r.output)) {
                Some(seen) => news.extend(rank.take(seen, now).map(|bytes| (at, bytes))),
                None if now.duration_since(rank.heard) > SILENCE => rank.place = Place::Lost,
                None => {}
            }
        }
        Ok(news)
    }

    /// Asks every rank that runs to end: SIGTERM, and SIGKILL a minute later. Those that are not reached are left out.
    ///
    /// # Errors
    /// Whatever Systems Manager answers.
    pub async fn stop(&self) -> Result<(), Error> {
        let running = self.ids(|r| matches!(r.place, Place::Waiting | Place::Running));
        let there = self.aws.reached(&running).await?;
        let there: Vec<Id> = running.into_iter().filter(|id| there.contains(id)).collect();
        if !there.is_empty() {
            self.aws.on_machines(&there, &script::stop(self.job), &self.why("stop")).await?;
        }
        Ok(())
    }

    /// When it began, and for how long it may run.
    pub const fn bounds(&self) -> (Timestamp, Span) {
        (self.job.begun, self.job.limit)
    }

    pub(super) fn ids(&self, of: impl Fn(&Rank) -> bool) -> Vec<Id> {
        self.ranks.iter().filter(|r| of(r)).map(|r| r.id.clone()).collect()
    }

    pub(super) const fn aws(&self) -> &'a Aws {
        self.aws
    }

    pub(super) const fn job(&self) -> &'a Job {
        self.job
    }

    /// What the command is for, as Systems Manager shows it.
    pub(super) fn why(&self, what: &str) -> String {
        format!("dlinfra run {}: {what}", self.job.id)
    }
}

/// What a look found on one machine.
#[derive(Debug, PartialEq, Eq)]
struct Seen {
    state: String,
    code: i32,
    ended: i64,
    late: bool,
    size: u64,
    bytes: Vec<u8>,
}

impl Seen {
    fn read(output: &str) -> Option<Self> {
        let (head, rest) = output.split_once('\n')?;
        let words: Vec<&str> = head.split(' ').collect();
        let &[state, code, ended, why, size] = &words[..] else { return None };
        // What was cut off comes with the next look.
        let whole = rest.trim();
        let bytes = STANDARD.decode(&whole[..whole.len() / 4 * 4]).ok()?;
        let (code, ended, size) = (code.parse().ok()?, ended.parse().ok()?, size.parse().ok()?);
        Some(Self { state: state.to_owned(), code, ended, late: why == "limit", size, bytes })
    }
}

impl Rank {
    fn take(&mut self, seen: Seen, now: Timestamp) -> Option<Vec<u8>> {
        self.heard = now;
        (self.written, self.late) = (seen.size, seen.late);
        self.read += seen.bytes.len() as u64;
        self.place = match seen.state.as_str() {
            // A code of a shell has eight bits.
            "ended" => Place::Ended(seen.code as u8, Timestamp::from_second(seen.ended).unwrap_or(now)),
            "running" => Place::Running,
            // Nobody has begun it, or it went without a word.
            "lost" => Place::Lost,
            _ => self.place,
        };
        Some(seen.bytes).filter(|bytes| !bytes.is_empty())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_machine_says_is_read() {
        let seen = Seen::read("ended 7 1764547200 limit 12\naGVsbG8g\n").unwrap();
        assert_eq!(
            seen,
            Seen {
                state: "ended".into(),
                code: 7,
                ended: 1_764_547_200,
                late: true,
                size: 12,
                bytes: b"hello ".to_vec()
            }
        );
        assert_eq!(Seen::read("running -1 0 - 0\n").unwrap().bytes, b"");
        assert_eq!(
            Seen::read("running -1 0 - 9\naGVsbG8gdG8").unwrap().bytes,
            b"hello ",
            "a cut answer ends at whole bytes"
        );
        assert_eq!(Seen::read("--output truncated--"), None);
    }
}
