//! `sealkit migrate --plan`: the rollout from what is written today to what is to be written, in an order that logs nobody out.

mod plan;
mod sample;

use crate::{args::Migrate, output};
use anyhow::bail;
use plan::{Plan, Step};
use sealkit::untrusted::one_line;
use std::process::ExitCode;

pub(crate) fn run(args: &Migrate) -> anyhow::Result<ExitCode> {
    if args.services.is_empty() && args.readers.is_empty() {
        bail!("no service given; name at least one, for example --service web=next");
    }
    let plan = Plan::new(args)?;
    if args.output.json {
        output::json_line(&plan)?;
    } else {
        output::text(&text(&plan))?;
    }
    Ok(output::YES)
}

fn text(plan: &Plan) -> String {
    let from: Vec<&str> = plan.from.to_vec();
    let mut text = format!("{} {} → {}\n", output::bold("Plan"), from.join(", "), plan.to);
    heading("Today", &mut text);
    for service in &plan.services {
        let writes =
            service.writes.map_or_else(|| "reads only".to_owned(), |format| format!("writes {format}"));
        text.push_str(&format!(
            "  {:<14} {}: {writes}; reads {}\n",
            output::word(&service.name),
            service.sdk,
            service.reads.join(", ")
        ));
    }
    for problem in &plan.today {
        text.push_str(&format!("  note: {}\n", one_line(problem)));
    }
    for (number, step) in (1..).zip(&plan.steps) {
        heading(&format!("{number}. {}", step.title), &mut text);
        write_step(step, &mut text);
    }
    heading("What would be lost", &mut text);
    if plan.losses.is_empty() {
        text.push_str("  nothing\n");
    }
    for loss in &plan.losses {
        text.push_str(&format!("  {:<28} {}\n", output::word(&loss.member), one_line(&loss.what)));
    }
    for note in &plan.notes {
        text.push_str(&format!("\nnote: {}", one_line(note)));
    }
    if !text.ends_with('\n') {
        text.push('\n');
    }
    text
}

fn write_step(step: &Step, text: &mut String) {
    text.push_str(&format!("  {}\n", step.why));
    for action in &step.actions {
        text.push_str(&format!(
            "  {} {}\n",
            output::dim(&format!("{:<14}", output::word(&action.service))),
            one_line(&action.what)
        ));
        for setting in &action.settings {
            text.push_str(&format!("  {:<14}   {setting}\n", ""));
        }
    }
}

fn heading(name: &str, text: &mut String) {
    text.push_str(&format!("\n{}\n", output::bold(name)));
}
