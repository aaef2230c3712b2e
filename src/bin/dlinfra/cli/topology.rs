//! topology: the network interfaces of an instance type.
use super::{Exit, Result, catalog::known_type, document};
use crate::ui::Ui;
use dlinfra::{
    diagnostic::Diagnostics,
    topology::{Layout, Profile},
};
use std::fmt::Write as _;

/// Show the network interfaces of an instance type.
#[derive(clap::Args)]
pub(super) struct Args {
    /// Such as p5.48xlarge.
    instance_type: String,
    /// `ip` takes as few addresses as possible; `bandwidth` adds interfaces for IP traffic; `plain` has no EFA.
    #[arg(long, default_value = "ip", value_parser = ["ip", "bandwidth", "plain"])]
    layout: String,
}

pub(super) fn run(args: &Args, ui: Ui) -> Result {
    let instance = known_type(&args.instance_type)?;
    let layout = Layout::of(instance, Profile::from_name(&args.layout).unwrap_or(Profile::Ip));
    let json = layout.to_json();
    if ui.json {
        ui.data(&document("topology", &json, &Diagnostics::new()).to_string());
        return Ok(Exit::Ok);
    }
    let mut out =
        format!("{}   {} layout   {} EFA interfaces\n", args.instance_type, args.layout, layout.efa_interfaces());
    out.push_str("card  device  type\n");
    for interface in &layout.interfaces {
        let _ = writeln!(out, "{:>4}  {:>6}  {}", interface.card, interface.device, interface.interface_type.name());
    }
    let text = |key: &str| json.get(key).map(dlinfra::report::plan::value).unwrap_or_default();
    let _ = writeln!(
        out,
        "{} IP addresses per node; confidence {} ({})",
        text("addresses_per_node"),
        text("confidence"),
        text("source")
    );
    ui.data(&out);
    Ok(Exit::Ok)
}
