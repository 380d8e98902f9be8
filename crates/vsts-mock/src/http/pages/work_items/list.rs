//! The list: what a query finds. A few fields make the query; whoever knows WIQL writes one.

use maud::{Markup, html};
use url::form_urlencoded::Serializer;

use super::super::layout::Page;
use super::super::parts::{PAGE, ago, avatar, pages, problem};
use super::super::refusal::refusable;
use super::{Failure, Outcome, Place, page_of};
use crate::access::subjects;
use crate::directory::work_item::fields;
use crate::directory::work_item::wiql::parse;
use crate::directory::work_item::work_item_type::of_process;
use crate::directory::{Project, WorkItem};
use crate::limits::PEOPLE_OFFERED;
use crate::operations::refused::Refused;
use crate::operations::work_items as items;

/// The fields that make a query, as the address has them.
struct Filter<'c> {
    title: &'c str,
    kind: &'c str,
    state: &'c str,
    assigned: &'c str,
}

/// Values of the filter for people that are no names.
const ME: &str = "@Me";
const NOBODY: &str = "-";

impl<'c> Filter<'c> {
    fn of(place: &Place<'c>) -> Self {
        let ask = |name| place.ctx.ask(name).unwrap_or_default();
        Self { title: ask("title"), kind: ask("type"), state: ask("state"), assigned: ask("assigned") }
    }

    fn values(&self) -> [(&'static str, &'c str); 4] {
        [("title", self.title), ("type", self.kind), ("state", self.state), ("assigned", self.assigned)]
    }

    /// The query in WIQL.
    fn wiql(&self) -> String {
        let quoted = |text: &str| format!("'{}'", text.replace('\'', "''"));
        let assigned = match self.assigned {
            ME => ME.to_owned(),
            NOBODY => "''".to_owned(),
            name => quoted(name),
        };
        let conditions = [
            (self.title, format!("[{}] CONTAINS {}", fields::TITLE, quoted(self.title))),
            (self.kind, format!("[{}] = {}", fields::KIND, quoted(self.kind))),
            (self.state, format!("[{}] = {}", fields::STATE, quoted(self.state))),
            (self.assigned, format!("[{}] = {assigned}", fields::ASSIGNED)),
        ];
        let mut query =
            format!("SELECT [{}] FROM WorkItems WHERE [{}] = @project", fields::ID, fields::PROJECT);
        for (_, condition) in conditions.iter().filter(|(value, _)| !value.is_empty()) {
            query.extend([" AND ", condition]);
        }
        query + &format!(" ORDER BY [{}] DESC", fields::ID)
    }
}

pub(super) fn show(place: &Place<'_>) -> Outcome {
    let ctx = place.ctx;
    let filter = Filter::of(place);
    let own = ctx.ask("wiql");
    let wiql = own.map_or_else(|| filter.wiql(), str::to_owned);
    let (ids, refused) = match run(place, &wiql) {
        Ok(ids) => (ids, None),
        Err(Failure::Bad(words)) => (Vec::new(), Some(words)),
        Err(other) => return Err(other),
    };
    let skip = ctx.ask_number("skip");
    let found = ids.iter().skip(skip).take(PAGE);
    // One may have gone since the query ran.
    let found: Vec<_> = found
        .filter_map(|id| items::find(&ctx.directory, place.everywhere(), &id.to_string()).ok())
        .collect();
    let has_more = ids.len() > skip.saturating_add(PAGE);
    let mut asked = Serializer::new(String::new());
    match own {
        Some(wiql) => asked.append_pair("wiql", wiql),
        None => asked.extend_pairs(filter.values().iter().filter(|(_, value)| !value.is_empty())),
    };
    let address = format!("{}?{}", place.path(""), asked.finish());
    let is_filtered = own.is_some() || filter.values().iter().any(|(_, value)| !value.is_empty());
    let body = html! {
        div.page {
            div.head {
                h1 { "Work items" }
                div.actions {
                    a.button.plain href=(place.path("/recyclebin")) { "Recycle bin" }
                    @if place.may_write { a.button href=(place.path("/create")) { "New work item" } }
                }
            }
            (problem(refused.as_deref()))
            (filters(place, &filter))
            details.help open[own.is_some()] {
                summary { "The query in WIQL" }
                form method="get" action=(place.path("")) {
                    label for="wiql" { "Query" }
                    textarea #wiql name="wiql" rows="4" spellcheck="false" required { (wiql) }
                    p.hint { "Programs send it to " code { "_apis/wit/wiql" } "." }
                    div.actions { button.plain { "Run the query" } }
                }
            }
            @if refused.is_some() {}
            @else if found.is_empty() { div.card.quiet { p {
                @if is_filtered { "The query finds none." }
                @else if place.may_write { "There is none. Make one here, or by the REST API." }
                @else { "There is none." }
            } } }
            @else { (table(place, &found)) }
            (pages(&address, skip, has_more, "Previous", "Next"))
        }
    };
    Ok(refusable(Page::new("Work items", place.way(), body), refused.as_deref()))
}

/// The numbers of the items that a query finds.
fn run(place: &Place<'_>, wiql: &str) -> Result<Vec<i64>, Failure> {
    let query = parse(wiql).map_err(Refused::from)?;
    let ctx = place.ctx;
    Ok(items::query(&ctx.app, &ctx.directory, place.scope(), &query, false, &ctx.work)?)
}

fn filters(place: &Place<'_>, filter: &Filter<'_>) -> Markup {
    let types = of_process(&place.project.process);
    let mut states: Vec<&str> = Vec::new();
    for (state, _) in types.iter().flat_map(|kind| kind.states) {
        if !states.contains(state) {
            states.push(state);
        }
    }
    let people = subjects(&place.ctx.directory, place.account.id, Some(place.project.id));
    let people: Vec<_> = people.into_iter().filter(|one| !one.is_group).take(PEOPLE_OFFERED).collect();
    let option = |value: &str, text: &str, chosen: &str| {
        html! { option value=(value) selected[value.eq_ignore_ascii_case(chosen)] { (text) } }
    };
    let select = |name: &str, label: &str, options: &Markup| {
        html! { div { label for=(name) { (label) } select id=(name) name=(name) { (options) } } }
    };
    html! {
        form.fields method="get" action=(place.path("")) role="search" {
            div {
                label for="title" { "Title contains" }
                input #title name="title" type="search" value=(filter.title);
            }
            (select("type", "Type", &html! {
                (option("", "Any", filter.kind))
                @for kind in types { (option(kind.name, kind.name, filter.kind)) }
            }))
            (select("state", "State", &html! {
                (option("", "Any", filter.state))
                @for state in states { (option(state, state, filter.state)) }
            }))
            (select("assigned", "Assigned to", &html! {
                (option("", "Anybody", filter.assigned))
                (option(ME, "Me", filter.assigned))
                (option(NOBODY, "Nobody", filter.assigned))
                @for one in &people { (option(&one.name, &one.name, filter.assigned)) }
            }))
            button.plain { "Filter" }
        }
    }
}

fn table(place: &Place<'_>, found: &[(&WorkItem, &Project)]) -> Markup {
    let ctx = place.ctx;
    html! { div.wide { table {
        thead { tr {
            th scope="col" { "Work item" } th scope="col" { "Type" } th scope="col" { "State" }
            th scope="col" { "Assigned to" } th scope="col" { "Changed" }
        } }
        tbody { @for (item, project) in found {
            tr {
                th scope="row" {
                    a href=(page_of(ctx, &place.account.name, &project.name, item.id)) { (item.id) ": " bdi { (item.text(fields::TITLE)) } }
                    @if project.id != place.project.id { " " span.quiet { "in " bdi { (project.name) } } }
                    @for tag in item.tags() { " " span.tag { bdi { (tag) } } }
                }
                td { (item.kind) }
                td { span.tag { (item.text(fields::STATE)) } }
                td { (assigned(place, item)) }
                td.when { (ago(ctx.now, item.changed)) }
            }
        } }
    } } }
}

/// The user that an item is assigned to.
pub(super) fn assigned(place: &Place<'_>, item: &WorkItem) -> Markup {
    let user = uuid::Uuid::parse_str(item.text(fields::ASSIGNED)).ok();
    html! { @match user.map(|user| place.name(user)) {
        Some(name) => { span.person { (avatar(name)) bdi { (name) } } }
        None => { span.quiet { "nobody" } }
    } }
}
