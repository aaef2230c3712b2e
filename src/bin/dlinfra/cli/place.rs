//! Where a command works: real AWS, an emulator, or the sandbox; and where the stack's journal lies.
use super::{Stop, arguments::Where, plan::quoted, served};
use crate::cli::codes;
use dlinfra::{
    aws::{Aws, Options, endpoint::Endpoint},
    blueprint, catalog,
    clock::Clock,
    diagnostic::{Diagnostic, did_you_mean},
    engine::{Engine, Target},
    journal::{self, Backend, JournalError, LocalBackend, Presence},
    kinds::KINDS,
    private,
};
use dlinfra_sandbox::{OpenError, Sandbox, SandboxConfig};
use std::{
    path::{Path, PathBuf},
    sync::{Arc, Once},
    time::Duration,
};

/// Clients and what surrounds them.
pub(super) struct Place {
    /// Clients.
    pub aws: Aws,
    /// The simulated AWS, if it is one.
    pub sandbox: Option<Sandbox>,
    /// `.dlinfra` beside the blueprint, or the sandbox's own folder.
    state: PathBuf,
    /// For people.
    pub words: String,
    /// A served sandbox on this machine stands for AWS.
    pub served: bool,
    /// `endpoint http://…`, where something stands for AWS.
    pub endpoint: Option<String>,
    /// `--sandbox`, `--profile`, `--endpoint-url`: what a next command must repeat.
    pub flag: String,
}

/// Was the sandbox asked for?
pub(super) fn sandboxed(args: &Where) -> bool {
    args.sandbox.is_some() || std::env::var("DLINFRA_SANDBOX").is_ok_and(|v| !v.is_empty() && v != "0")
}

/// The sandbox's folder.
pub(super) fn sandbox_folder(args: &Where, beside: &Path) -> PathBuf {
    match args.sandbox.as_deref() {
        Some(dir) if !dir.is_empty() => PathBuf::from(dir),
        _ => beside.join(".dlinfra").join("sandbox"),
    }
}

/// The folder beside which `.dlinfra` lies.
pub(super) fn beside(file: Option<&Path>) -> PathBuf {
    match file.and_then(Path::parent) {
        Some(parent) if !parent.as_os_str().is_empty() => parent.to_owned(),
        _ => PathBuf::from("."),
    }
}

/// The speed, and whether time jumps.
pub(super) fn speed(text: &str) -> Result<(u32, bool), Stop> {
    if text == "max" {
        return Ok((1, true));
    }
    match text.parse::<u32>() {
        Ok(n) if (1..=10_000).contains(&n) => Ok((n, false)),
        _ => Err(Diagnostic::error(&codes::SPEED, format!("`{text}` is not a speed"))
            .with_help("a whole number from 1 to 10000, or `max`")
            .into()),
    }
}

/// Opens the sandbox in its folder. `alone` = nobody but this process works with it, whose paused clock it lives by.
pub(super) fn open_sandbox(folder: &Path, speed: u32, alone: bool) -> Result<Sandbox, Stop> {
    ignore_in_git(folder)?;
    let speed = f64::from(speed);
    let config = SandboxConfig { folder: Some(folder.to_owned()), speed, paused: alone, ..SandboxConfig::default() };
    Sandbox::open(config).map_err(|e| unopened(folder, &e).into())
}

/// What to do about a sandbox that cannot be opened.
pub(super) fn unopened(folder: &Path, why: &OpenError) -> Diagnostic {
    let reset = match folder.strip_prefix("./").unwrap_or(folder) {
        own if own == Path::new(".dlinfra/sandbox") => "`dlinfra sandbox reset`".to_owned(),
        other => format!("`dlinfra sandbox reset --dir {}`", quoted(&other.display().to_string())),
    };
    let help = match why {
        OpenError::Locked { .. } => {
            "wait for the other command, stop `dlinfra sandbox serve`, or choose another folder with `--sandbox=DIR`"
                .to_owned()
        }
        OpenError::Damaged { .. } | OpenError::OtherVersion { .. } => {
            format!("{reset} starts anew; nothing in a sandbox is real, so only a rehearsal is lost")
        }
        _ => "run where you may write, or choose another folder with `--sandbox=DIR`".to_owned(),
    };
    Diagnostic::error(
        &codes::SANDBOX_NOT_OPENED,
        format!("the sandbox in {} cannot be opened: {why}", folder.display()),
    )
    .with_help(help)
}

/// `.dlinfra` is nobody's source code.
pub(super) fn ignore_in_git(folder: &Path) -> Result<(), Stop> {
    let Some(root) = folder.ancestors().find(|a| a.file_name().is_some_and(|n| n == ".dlinfra")) else { return Ok(()) };
    let denied = |e: std::io::Error| {
        Diagnostic::error(&codes::FOLDER_NOT_WRITTEN, format!("{} cannot be written: {e}", root.display()))
            .with_help("run where you may write, or give another folder with `--sandbox=DIR`")
    };
    private::folder(root).map_err(denied)?;
    let file = root.join(".gitignore");
    if !file.exists() {
        private::write(&file, b"*\n").map_err(denied)?;
    }
    Ok(())
}

/// Lets paused time, which would jump to the next timer, pass at this speed: no jump is longer than a beat, and each
/// beat takes its part of real time. The thread sleeps, and not the task: otherwise time would jump over that as well.
async fn pace(speed: u32) {
    const BEAT: Duration = Duration::from_millis(20);
    loop {
        tokio::time::sleep(BEAT * speed).await;
        std::thread::sleep(BEAT);
    }
}

/// `dlinfra sandbox requests` shows what the last command asked for.
impl Drop for Place {
    fn drop(&mut self) {
        if let Some(sandbox) = &self.sandbox {
            // Conveniences: a folder that cannot be written was reported before.
            let _ = sandbox.rest();
            let requests = serde_json::json!(sandbox.requests()).to_string();
            let _ = private::write(&requests_file(&self.state), requests.as_bytes());
        }
    }
}

/// Where the requests of the last command are kept.
pub(super) fn requests_file(folder: &Path) -> PathBuf {
    folder.join("requests.json")
}

/// Clients for what the environment alone says, as a function has no flags.
pub(crate) async fn connect(region: &str) -> Aws {
    let connect = |clock| {
        let region = region.to_owned();
        Aws::connect(Options { region, profile: None, endpoint_url: None, http: None, clock })
    };
    let aws = connect(Clock::system()).await;
    match served::clock(&aws.endpoints()) {
        Some(clock) => connect(clock).await,
        None => aws,
    }
}

impl Place {
    /// Prepares clients for a region; nothing is sent yet.
    pub(super) async fn open(args: &Where, region: &str, file: Option<&Path>) -> Result<Self, Stop> {
        if let Some(flag) = args.region.as_deref().filter(|r| *r != region) {
            return Err(Diagnostic::error(
                &dlinfra::aws::codes::OTHER_ACCOUNT_OR_REGION,
                format!("the blueprint is for {region}, `--region` says {flag}"),
            )
            .with_help("a stack lives in one region: leave out `--region`, or change `region:`")
            .into());
        }
        let beside = beside(file);
        if !sandboxed(args) {
            return Self::real(args, region, &beside).await;
        }
        if !catalog::is_known_region(region) {
            let help = did_you_mean(region, catalog::region::regions().map(|r| r.code.as_str()))
                .map_or("see the regions of AWS".to_owned(), |r| format!("did you mean `{r}`?"));
            return Err(Diagnostic::error(
                &codes::UNKNOWN_REGION,
                format!("the sandbox does not know the region `{region}`"),
            )
            .with_help(help)
            .into());
        }
        let (speed, jumps) = speed(&args.sandbox_speed)?;
        let folder = sandbox_folder(args, &beside);
        let sandbox = open_sandbox(&folder, speed, true)?;
        // Time stands while anything is computed or written, so that a slow machine has as long as a fast one.
        static PAUSED: Once = Once::new();
        PAUSED.call_once(|| {
            tokio::time::pause();
            if !jumps {
                tokio::spawn(pace(speed));
            }
        });
        let clock = Clock::scaled(sandbox.clock().now(), 1);
        let http = Some(sandbox.http_client());
        let aws =
            Aws::connect(Options { region: region.to_owned(), profile: None, endpoint_url: None, http, clock }).await;
        let shown = folder.strip_prefix("./").unwrap_or(&folder).display().to_string();
        let flag = args
            .sandbox
            .as_deref()
            .filter(|d| !d.is_empty())
            .map_or("--sandbox".to_owned(), |d| quoted(&format!("--sandbox={d}")));
        Ok(Self {
            aws,
            sandbox: Some(sandbox),
            state: folder,
            words: format!("SANDBOX {shown} (nothing real is touched)"),
            served: false,
            endpoint: None,
            flag,
        })
    }

    async fn real(args: &Where, region: &str, beside: &Path) -> Result<Self, Stop> {
        let connect = |clock| {
            Aws::connect(Options {
                region: region.to_owned(),
                profile: args.profile.clone(),
                endpoint_url: args.endpoint_url.clone(),
                http: None,
                clock,
            })
        };
        let mut aws = connect(Clock::system()).await;
        let endpoints = aws.endpoints();
        if let Some(open) = aws.exposed().await {
            let text = format!("keys of AWS would go to {} without encryption", open.shown());
            return Err(Diagnostic::error(&dlinfra::aws::codes::KEYS_IN_THE_CLEAR, text)
                .with_help("use https or an endpoint on this machine; for an emulator, any other keys (`test`)")
                .into());
        }
        let served = served::clock(&endpoints);
        if let Some(clock) = served.clone() {
            aws = connect(clock).await;
        }
        let shown: Vec<_> = endpoints.iter().map(Endpoint::shown).collect();
        let what = if served.is_some() { " (a served sandbox: nothing real is touched)" } else { "" };
        let endpoint = (!shown.is_empty()).then(|| format!("endpoint {}{what}", shown.join(", ")));
        let words = endpoint.as_ref().map(|e| format!("{e}   ")).unwrap_or_default();
        // A password of an endpoint is typed again, not printed.
        let url = args.endpoint_url.as_ref().map(|url| Endpoint { service: None, url: url.clone() }.shown());
        let flags = [("--profile", &args.profile), ("--endpoint-url", &url)];
        let flags = flags.iter().filter_map(|(flag, value)| Some(format!("{flag} {}", quoted(value.as_ref()?))));
        let flag = flags.collect::<Vec<_>>().join(" ");
        let served = served.is_some();
        Ok(Self { aws, sandbox: None, state: beside.join(".dlinfra"), words, served, endpoint, flag })
    }

    /// Where the journal of a stack lies: where the blueprint says, else in the account's own bucket.
    pub(super) async fn backend(
        &self,
        stack: &str,
        said: Option<&blueprint::Backend>,
    ) -> Result<Arc<dyn Backend>, Stop> {
        let account = self.aws.account().await?;
        // The sandbox keeps its journals in its own folder: nothing of it is mistaken for a real stack.
        let said = if self.sandbox.is_some() { Some(&blueprint::Backend::Local) } else { said };
        Ok(journal::backend(said, &self.state, &self.aws, &account, stack))
    }

    /// The engine for a stack whose blueprint is known.
    pub(super) async fn engine(&self, target: Target, said: Option<&blueprint::Backend>) -> Result<Engine, Stop> {
        let stack = target.stack.clone();
        let backend = self.backend(&stack, said).await?;
        let engine = self.connect(target, backend.clone()).await?;
        if said.is_none()
            && engine.memory().is_empty()
            && let Some(local) = self.local(&stack).await?
        {
            let error = JournalError::Elsewhere { stack, found: local.place(), wanted: backend.place() };
            return Err(error.diagnostic().into());
        }
        Ok(engine)
    }

    /// The engine for a stack that is known by its name alone: with the journal that is named, else with the one in the
    /// account's own bucket, else with one beside the current folder; with none at all, tags must do.
    pub(super) async fn engine_by_name(&self, stack: &str, said: Option<&blueprint::Backend>) -> Result<Engine, Stop> {
        let backend = self.backend_by_name(stack, said).await?;
        self.connect(Target { stack: stack.to_owned(), ..Target::default() }, backend).await
    }

    /// As [`Place::engine_by_name`].
    pub(super) async fn backend_by_name(
        &self,
        stack: &str,
        said: Option<&blueprint::Backend>,
    ) -> Result<Arc<dyn Backend>, Stop> {
        let named = self.backend(stack, said).await?;
        if said.is_none()
            && let Some(local) = self.local(stack).await?
            && journal::read(&*named).await.is_ok_and(|memory| memory.is_empty())
        {
            return Ok(local);
        }
        Ok(named)
    }

    async fn connect(&self, target: Target, backend: Arc<dyn Backend>) -> Result<Engine, Stop> {
        let mut engine = Engine::connect(self.aws.clone(), KINDS, target, backend, self.sandbox.is_some()).await?;
        engine.recognise(self.presence());
        Ok(engine)
    }

    /// The engine for a stack whose journal may be lost or damaged.
    pub(super) async fn engine_without_memory(
        &self,
        target: Target,
        backend: Arc<dyn Backend>,
    ) -> Result<Engine, Stop> {
        let imagine = self.sandbox.is_some();
        Ok(Engine::without_memory(self.aws.clone(), KINDS, target, backend, imagine).await?)
    }

    /// A journal in the `.dlinfra` folder, if one was begun there: of a version before this one, of `backend: local`.
    pub(super) async fn local(&self, stack: &str) -> Result<Option<Arc<LocalBackend>>, Stop> {
        if self.sandbox.is_some() {
            return Ok(None);
        }
        let local = LocalBackend::new(&self.state, &self.aws.account().await?, self.aws.region(), stack);
        let memory = match journal::read(&local).await {
            // Damaged, but there.
            Err(JournalError::Damaged { .. }) => return Ok(Some(Arc::new(local))),
            other => other.map_err(|e| e.diagnostic())?,
        };
        Ok((!memory.is_empty()).then(|| Arc::new(local)))
    }

    /// Where processes of this machine show that they live.
    pub(super) fn presence(&self) -> Presence {
        Presence::new(&self.state)
    }

    /// The header's words: whose account, or that it is none.
    pub(super) async fn heading(&self) -> Result<String, Stop> {
        if self.sandbox.is_some() {
            return Ok(self.words.clone());
        }
        let identity = self.aws.identity().await?;
        Ok(format!("{}account {} ({})", self.words, identity.account, identity.arn))
    }
}
