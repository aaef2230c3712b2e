//! The sandbox itself: takes requests, applies faults, keeps the log.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use http::Response;
use jiff::Timestamp;

use crate::authorize;
use crate::bells::Bells;
use crate::call::Call;
use crate::clock::{Clock, ScaledClock};
use crate::config::{Consistency, SandboxConfig};
use crate::disk::{Disk, OpenError};
use crate::error::ApiError;
use crate::execute::execute;
use crate::faults::{FaultAction, FaultRule, Faults};
use crate::image::Image;
use crate::inventory::{self, StoredObject};
use crate::measurement::Measurement;
use crate::request_log::{LogEntry, RequestLog};
use crate::service::{Found, Parsed, Service, unsigned};
use crate::services::{SERVICES, ec2, monitoring, ssm};
use crate::session;
use crate::status::Status;
use crate::store::World;
use crate::timeline::{new_world, resume, settle};
use crate::wire::Protocol;
use crate::wire::params::Params;
use crate::wire::reply::{encode, encode_error};
use crate::wire::request::Incoming;

/// A simulated AWS account. Clones are handles to the same account.
#[derive(Debug, Clone)]
pub struct Sandbox {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    config: Arc<SandboxConfig>,
    clock: Arc<dyn Clock>,
    state: Mutex<State>,
    bells: Bells,
}

#[derive(Debug)]
struct State {
    world: World,
    disk: Option<Disk>,
    faults: Faults,
    log: RequestLog,
    arrived: u64,
}

/// A request before it is executed.
struct Arrival {
    /// `service:Operation`.
    name: String,
    mutating: bool,
    number: u64,
    actions: Vec<FaultAction>,
    found: Found,
}

/// What the client gets to see of a request.
#[derive(Debug)]
pub enum HandleOutcome {
    /// An answer.
    Response(Response<Bytes>),
    /// A connection that drops without an answer.
    Cut,
}

impl Sandbox {
    /// Opens an account: a new one, or the one kept in the configured folder. Call it inside a tokio runtime, whose
    /// clock it uses.
    ///
    /// A stored account lives on while no process has it open: at the sandbox's speed for the first sandbox hour, so
    /// that what was under way completes, and in real time after that, so that a night is a night.
    pub fn open(config: SandboxConfig) -> Result<Self, OpenError> {
        let config = Arc::new(config);
        let mut world = new_world(&config);
        let opened =
            config.folder.as_ref().map(|folder| Disk::open(folder, config.lock_wait, &mut world)).transpose()?;
        let (disk, left) = match opened {
            Some((disk, left)) => (Some(disk), left),
            None => (None, None),
        };
        // Functions and commands do not outlive the process that ran them.
        session::end_all(&mut world);
        ssm::interrupted(&mut world);
        let speed = if config.paused { 1.0 } else { config.speed };
        let clock = config
            .clock
            .clone()
            .unwrap_or_else(|| Arc::new(ScaledClock::new(resume(&config, left, Timestamp::now()), speed)));
        let faults = Faults::new(config.seed, config.behaviour.faults.clone());
        let state = State { world, disk, faults, log: RequestLog::default(), arrived: 0 };
        Ok(Self::of(config, clock, state))
    }

    /// The clock that the account lives by; give it to the client too.
    pub fn clock(&self) -> Arc<dyn Clock> {
        Arc::clone(&self.inner.clock)
    }

    /// All requests so far, with counts.
    pub fn requests(&self) -> RequestLog {
        self.lock().log.clone()
    }

    /// The account at a glance.
    pub fn status(&self) -> Status {
        let time = self.inner.clock.now();
        let mut state = self.lock();
        settle(&mut state.world, time);
        Status {
            account: self.inner.config.account.clone(),
            time,
            speed: self.inner.config.speed,
            objects: state.world.counts(),
            requests: state.log.total,
        }
    }

    /// Everything that the account holds now, whatever consistency windows hide from calls. Instances that ended and
    /// gateways that were deleted are among it for as long as AWS shows them.
    pub fn objects(&self) -> Vec<StoredObject> {
        let now = self.inner.clock.now();
        let mut state = self.lock();
        settle(&mut state.world, now);
        // What cannot be encoded could not have been stored either.
        inventory::take(&state.world, now).unwrap_or_default()
    }

    /// The account as it is now.
    pub fn image(&self) -> Image {
        let at = self.inner.clock.now();
        let mut state = self.lock();
        settle(&mut state.world, at);
        Image { config: Arc::clone(&self.inner.config), world: state.world.copy(), at }
    }

    /// An account in memory that goes on from an image: same objects, same time, nothing asked yet, no faults but the
    /// configured ones. Call it inside a tokio runtime, whose clock it uses.
    pub fn from_image(image: &Image) -> Self {
        let (config, mut world) = (Arc::clone(&image.config), image.world.copy());
        // What runs there does not run here.
        session::end_all(&mut world);
        ssm::interrupted(&mut world);
        let clock = Arc::new(ScaledClock::new(image.at, config.speed));
        let faults = Faults::new(config.seed, config.behaviour.faults.clone());
        let state = State { world, disk: None, faults, log: RequestLog::default(), arrived: 0 };
        Self::of(config, clock, state)
    }

    fn of(config: Arc<SandboxConfig>, clock: Arc<dyn Clock>, state: State) -> Self {
        let (state, bells) = (Mutex::new(state), Bells::default());
        Self { inner: Arc::new(Inner { config, clock, state, bells }) }
    }

    /// Keeps the time, so that a stored account goes on from here. For the end of a process; what was answered is kept
    /// without it.
    pub fn rest(&self) -> std::io::Result<()> {
        let now = self.inner.clock.now();
        let mut state = self.lock();
        let state = &mut *state;
        state.disk.as_mut().map_or(Ok(()), |disk| disk.keep_time(&state.world, now))
    }

    /// Empties the account, the request log and the fault rules. Time goes on.
    pub fn reset(&self) -> std::io::Result<()> {
        let now = self.inner.clock.now();
        let mut state = self.lock();
        let state = &mut *state;
        let counter = state.world.counter();
        state.world = new_world(&self.inner.config);
        // Numbers are not given twice, or an old id could name a new object.
        state.world.set_counter(counter);
        // Machines are gone, and what ran on them ends.
        self.inner.bells.ring();
        state.log = RequestLog::default();
        state.arrived = 0;
        state.faults = Faults::new(self.inner.config.seed, self.inner.config.behaviour.faults.clone());
        match &mut state.disk {
            Some(disk) => disk.compact(&state.world, now, true),
            None => Ok(()),
        }
    }

    /// Everything that the sandbox can do, as `service:Operation`, sorted.
    pub fn operations() -> Vec<String> {
        let names = |service: &'static Service| {
            let operations = service.operations.iter().flat_map(|group| group.iter());
            operations.map(|operation| format!("{}:{}", service.prefix, operation.name))
        };
        let mut out: Vec<String> = SERVICES.iter().flat_map(|service| names(service)).collect();
        out.sort();
        out
    }

    /// AWS publishes a newer build of every machine image, up to 3 times: `latest` moves on, older builds stay.
    pub fn publish_images(&self) {
        self.lock().world.newer_images += 1;
    }

    /// Services of AWS, agents and programs publish values now. The next request that changes something stores them.
    pub fn publish(&self, values: &[Measurement]) {
        let now = self.inner.clock.now();
        let mut state = self.lock();
        settle(&mut state.world, now);
        values.iter().for_each(|one| monitoring::measured(&mut state.world, now, one));
    }

    /// AWS takes an instance back, as it does with spot capacity, or as a host that fails: it shuts down. `false`: there is
    /// no such instance that runs.
    pub fn interrupt(&self, region: &str, instance: &str) -> bool {
        let (now, mut state) = (self.inner.clock.now(), self.lock());
        settle(&mut state.world, now);
        ec2::interrupt(&mut state.world, region, instance, now)
    }

    /// The fault rules in force.
    pub fn faults(&self) -> Vec<FaultRule> {
        self.lock().faults.rules()
    }

    /// Adds a fault rule.
    pub fn add_fault(&self, rule: FaultRule) {
        self.lock().faults.add(rule);
    }

    /// Replaces all fault rules; their counters start anew.
    pub fn set_faults(&self, rules: Vec<FaultRule>) {
        self.lock().faults = Faults::new(self.inner.config.seed, rules);
    }

    /// Answers one request.
    pub async fn handle(&self, request: http::Request<Bytes>) -> HandleOutcome {
        let request = Incoming::new(request);
        let clock = &self.inner.clock;
        let service =
            SERVICES.iter().find(|service| service.name == request.service && request.path.starts_with(service.under));
        let Some(service) = service else {
            return HandleOutcome::Response(self.unknown_service(&request));
        };
        let arrival = clock.now();
        let Arrival { name, mutating, number, actions, found } = self.arrive(service, &request);
        for action in &actions {
            if let FaultAction::Latency { milliseconds } = action {
                clock.sleep(Duration::from_millis(*milliseconds)).await;
            }
        }

        let request_id = request_id(self.inner.config.seed, number);
        let operation = name.get(service.prefix.len() + 1..).unwrap_or_default().to_owned();
        let before = actions.iter().find_map(|action| service.injected_before(&operation, action));
        let cut_before = actions.contains(&FaultAction::CutBefore);
        let mut result = {
            let mut state = self.lock();
            // Read under the lock, so that time is monotonic in the order of execution.
            let now = clock.now();
            match before {
                Some(error) => Err(error),
                None if cut_before => Err(ApiError::new(0, "ConnectionCut", "cut before execution")),
                None => self.execute(&mut state, service, &request, (&name, found), &actions, now),
            }
        };
        self.inner.bells.ring();
        if let Ok(reply) = &mut result
            && let Some(job) = reply.job.take()
        {
            result = self.perform(*job).await;
        }
        for action in &actions {
            if let FaultAction::ErrorAfter { code, status } = action {
                result = Err(ApiError::new(*status, code.clone(), "Injected after execution"));
            }
        }
        let cut = cut_before || actions.contains(&FaultAction::CutAfter);
        let protocol = service.spoken(&request);
        let (mut response, code) = match result {
            Ok(reply) => (encode(service, protocol, &operation, &request_id, reply), None),
            Err(error) => (encode_error(Some(service), protocol, &request_id, &error), Some(error.code.into_owned())),
        };
        // HTTP has no body here; a client that found one in process would learn more than AWS tells.
        if request.method == http::Method::HEAD || response.status() == http::StatusCode::NOT_MODIFIED {
            *response.body_mut() = Bytes::new();
        }
        self.lock().log.add(LogEntry {
            number,
            time: arrival,
            service: service.prefix.to_owned(),
            operation,
            mutating,
            status: response.status().as_u16(),
            code,
            cut,
        });
        if cut { HandleOutcome::Cut } else { HandleOutcome::Response(response) }
    }

    /// Reads and numbers a request, and finds the faults that are meant for it.
    fn arrive(&self, service: &'static Service, request: &Incoming) -> Arrival {
        let Parsed { name, found } = service.parse(request);
        let name = format!("{}:{name}", service.prefix);
        let mutating = found.as_ref().is_ok_and(|(operation, _)| operation.mutating);
        let mut state = self.lock();
        state.arrived += 1;
        let number = state.arrived;
        let actions = state.faults.for_request(number, &name, mutating);
        Arrival { name, mutating, number, actions, found }
    }

    fn execute(
        &self,
        state: &mut State,
        service: &'static Service,
        request: &Incoming,
        (name, found): (&str, Found),
        actions: &[FaultAction],
        now: Timestamp,
    ) -> Result<crate::wire::reply::Reply, ApiError> {
        settle(&mut state.world, now);
        state.world.now = now;
        service.admit(request)?;
        let (operation, fields) = found?;
        authorize::check(&state.world, request, service, operation.name, &fields)?;
        let params = Params::new(fields, service.input);
        if matches!(service.protocol, Protocol::Ec2Query | Protocol::AwsQuery | Protocol::RestXml) {
            params.fit_for_xml()?;
        }
        let rate = service.rate(operation, &params);
        if !state.world.throttle.take(&request.region, name, rate, 1.0, now) {
            return Err((service.throttled())());
        }
        let configured = self.inner.config.behaviour.consistency.get(service.prefix).copied().unwrap_or_default();
        let window = actions.iter().fold(configured, |window, action| match action {
            FaultAction::HideNew { seconds } => Consistency { describe: *seconds, ..window },
            _ => window,
        });
        let call = Call {
            world: &mut state.world,
            request,
            service,
            operation: operation.name,
            region: &request.region,
            now,
            token: None,
            params,
            window,
            throttled: service.throttled(),
        };
        let checkpoint = call.world.checkpoint();
        let result = execute(name, operation, call);
        keep(state, checkpoint, now, operation.mutating)?;
        result
    }

    /// Changes the account by something else than a request.
    pub(crate) fn transact<R>(&self, change: impl FnOnce(&mut World, Timestamp) -> R) -> Result<R, ApiError> {
        let mut state = self.lock();
        let now = self.inner.clock.now();
        settle(&mut state.world, now);
        state.world.now = now;
        let checkpoint = state.world.checkpoint();
        let out = change(&mut state.world, now);
        keep(&mut state, checkpoint, now, true)?;
        Ok(out)
    }

    /// What the account was opened with.
    pub(crate) fn config(&self) -> &SandboxConfig {
        &self.inner.config
    }

    /// What wakes those who attend to the account.
    pub(crate) fn bells(&self) -> &Bells {
        &self.inner.bells
    }

    /// Answers a request for a service that is not simulated, in the protocol that the request seems to speak.
    fn unknown_service(&self, request: &Incoming) -> Response<Bytes> {
        let protocol = Protocol::of_stranger(request);
        let (name, error) = if request.service.is_empty() {
            ("without a name", unsigned(protocol))
        } else {
            (request.service.as_str(), ApiError::not_implemented(format!("the service {}", request.service)))
        };
        let mut state = self.lock();
        state.arrived += 1;
        let number = state.arrived;
        state.log.add(LogEntry {
            number,
            time: self.inner.clock.now(),
            service: name.to_owned(),
            operation: "Unknown".to_owned(),
            mutating: false,
            status: error.status,
            code: Some(error.code.to_string()),
            cut: false,
        });
        encode_error(None, protocol, &request_id(self.inner.config.seed, number), &error)
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // A panic in a handler is a defect of the sandbox; its transaction was not committed to disk.
        self.inner.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Makes a transaction final, on disk where there is one.
fn keep(state: &mut State, checkpoint: usize, now: Timestamp, sync: bool) -> Result<(), ApiError> {
    let Some(disk) = &mut state.disk else {
        state.world.commit();
        return Ok(());
    };
    if let Err(error) = disk.write(&state.world, now, sync) {
        state.world.roll_back(checkpoint);
        let message = format!("The sandbox cannot store a change: {error}");
        return Err(ApiError::new(500, "InternalFailure", message));
    }
    state.world.commit();
    // A snapshot only shortens the log; the change itself is safe already.
    let _ = disk.compact(&state.world, now, false);
    Ok(())
}

/// A request id that looks like AWS's and is the same in every run.
fn request_id(seed: u64, number: u64) -> String {
    format!("{:08x}-0000-4000-8000-{number:012x}", seed & 0xffff_ffff)
}
