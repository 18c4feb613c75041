//! `brimful models`: the catalogue of models, alone or on a card.

use std::num::NonZero;
use std::panic::resume_unwind;
use std::process::ExitCode;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use anyhow::{Result, bail};
use clap::{Args, ValueEnum};

use super::arguments::{FlagArguments, Format, OutputArguments};
use super::context::Context;
use super::max::Quantity;
use super::resolve::Draft;
use super::{output, presets, stream};
use crate::memory::{Fit, SUITED};
use crate::model::Model;
use crate::preset::{Facts, Library, Listing};
use crate::report::catalogue::{self, OnCard};
use crate::scenario::parameter::Parameter;
use crate::solve::By;
use crate::solve::lineup::{Candidate, Order, Rank, most, usual_quantity};

/// What `models` takes.
#[derive(Debug, Args)]
pub(super) struct ModelsArguments {
    /// Only those with these words in id, name, family or organization.
    filter: Option<String>,
    /// Only those that fit the card that --gpu names, run as the other flags say.
    #[arg(long)]
    fits: bool,
    /// How they are sorted; on a card the fullest that fits comes first.
    #[arg(long, value_enum)]
    sort: Option<Sort>,
    /// What the largest is told of, on a card: in training the batch, in serving the context, unless this says otherwise.
    #[arg(long, value_enum, value_name = "QUANTITY")]
    most: Option<Quantity>,
    #[command(flatten)]
    flags: FlagArguments,
    #[command(flatten)]
    output: OutputArguments,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Sort {
    /// On a card: what fills it most and fits, then what is over by least.
    Fullest,
    /// On a card: what needs least.
    Smallest,
    /// What was released last.
    Newest,
    /// By name.
    Name,
}

impl Sort {
    const fn order(self) -> Order {
        match self {
            Self::Fullest => Order::Fullest,
            Self::Smallest => Order::Smallest,
            Self::Newest => Order::Newest,
            Self::Name => Order::Name,
        }
    }
}

/// Prints the models that the filter leaves.
pub(super) fn run(context: &Context, arguments: &ModelsArguments) -> Result<ExitCode> {
    let library = presets::load(context, &arguments.output.lookup)?;
    let filter = arguments.filter.as_deref();
    let listings = library.model_listings().iter().filter_map(|listing| Some((listing, listing.facts().ok()?)));
    let kept = listings.filter(|(_, model)| {
        output::matches(filter, [model.id, model.name, model.family, model.organization.unwrap_or_default()])
    });
    let kept: Vec<(&Listing<Model>, Facts<'_>)> = kept.collect();
    if let (true, Some(filter)) = (kept.is_empty(), filter) {
        output::nothing_matches("model", filter, library.model_listings().iter().map(Listing::id));
    }
    let is_run = arguments.fits || arguments.most.is_some() || arguments.flags.is_any();
    if is_run { on_card(context, &library, &kept, arguments) } else { alone(context, kept, arguments) }
}

fn alone(
    context: &Context,
    mut kept: Vec<(&Listing<Model>, Facts<'_>)>,
    arguments: &ModelsArguments,
) -> Result<ExitCode> {
    if let Some(sort) = arguments.sort {
        if matches!(sort, Sort::Fullest | Sort::Smallest) {
            bail!(NO_CARD);
        }
        kept.sort_by(|(_, one), (_, other)| sort.order().compare(&rank(one, None), &rank(other, None)));
    }
    let table = catalogue::models(kept.into_iter().map(|(_, facts)| facts));
    output::print_table(context, &table, &arguments.output)
}

const NO_CARD: &str =
    "no gpu is given that models could fit\nhint: add `--gpu rtx-4090` or `--gpu 24GB`; `brimful gpus` lists cards";

fn rank<'a>(facts: &Facts<'a>, fit: Option<&'a Fit>) -> Rank<'a> {
    Rank { fit, released: facts.released, name: facts.name }
}

fn rank_of<'a>(row: &'a OnCard<'_>) -> Rank<'a> {
    rank(&row.facts, row.candidate.fit.as_ref().ok())
}

fn on_card(
    context: &Context,
    library: &Library,
    kept: &[(&Listing<Model>, Facts<'_>)],
    arguments: &ModelsArguments,
) -> Result<ExitCode> {
    let mut draft = Draft::of(library, None, &arguments.flags)?;
    if !draft.scenario.model.is_empty() {
        bail!("every model is tried\nhint: `brimful models {}` keeps those with these words", draft.scenario.model);
    }
    let quantity = arguments.most.map(|quantity| quantity.key(draft.scenario.task));
    if let Some((_, task)) = quantity {
        draft.scenario.task = task;
    }
    let (run, gpu, idle) = draft.for_models(library)?;
    let Some(gpu) = gpu else { bail!(NO_CARD) };
    idle.iter().for_each(stream::warn);
    let parameter = Parameter::by_key(quantity.map_or(usual_quantity(run.task), |(key, _)| key))?;
    let asked: Vec<&str> = SUITED.into_iter().filter(|key| draft.says(key)).collect();
    let tried = each(kept, |(listing, facts)| {
        let model = listing.item().ok()?;
        let candidate = Candidate::of((facts.id, model), &run, &gpu, By::Allocator, |key| asked.contains(&key));
        if !candidate.fits() {
            return (!arguments.fits).then_some((candidate, None));
        }
        let most = most(model, &candidate.scenario, &gpu, parameter.key, &|| false);
        Some((candidate, most.ok().flatten()))
    });
    let tried = kept.iter().zip(&tried).filter_map(|((_, facts), tried)| Some((facts, tried.as_ref()?)));
    let mut rows: Vec<OnCard<'_>> =
        tried.map(|(facts, (candidate, most))| OnCard { facts: *facts, candidate, most: *most }).collect();
    let order = arguments.sort.map_or(Order::default(), Sort::order);
    rows.sort_by(|one, other| order.compare(&rank_of(one), &rank_of(other)));
    let look = output::look(context, &arguments.output);
    if rows.is_empty() && !kept.is_empty() {
        stream::say(format!("no model fits {} so", gpu.name));
    }
    let table = catalogue::on_card(rows, parameter, look.unit);
    if arguments.output.format == Format::Text && !table.is_empty() {
        stream::print(&look.finish(catalogue::heading(&run, &gpu, look.unit) + "\n\n"))?;
    }
    output::print_table(context, &table, &arguments.output)
}

/// Does something with each, on all cores; what comes of it stands in the same order.
fn each<T: Sync, R: Send + Sync>(items: &[T], work: impl Fn(&T) -> R + Sync) -> Vec<R> {
    let threads = thread::available_parallelism().map_or(1, NonZero::get);
    let next = AtomicUsize::new(0);
    let share = || {
        let mut done = Vec::new();
        while let index = next.fetch_add(1, Ordering::Relaxed)
            && let Some(item) = items.get(index)
        {
            done.push((index, work(item)));
        }
        done
    };
    let mut done = thread::scope(|scope| {
        let others: Vec<_> = (1..threads).map(|_| scope.spawn(share)).collect();
        let mut done = share();
        done.extend(others.into_iter().flat_map(|other| other.join().unwrap_or_else(|panic| resume_unwind(panic))));
        done
    });
    done.sort_by_key(|(index, _)| *index);
    done.into_iter().map(|(_, result)| result).collect()
}
