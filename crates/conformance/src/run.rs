use std::time::Duration;

use arrow_flight::sql::CommandGetSqlInfo;
use godwit_client::Result;
use tokio::time::timeout;

use crate::card::{Card, Row};
use crate::client::{Client, command};
use crate::finding::{Finding, Mark, Outcome};
use crate::lab::{self, Lab};
use crate::options::Options;
use crate::probes::{self, Probe};

/// Longest time for saying goodbye, which no row depends on.
const GOODBYE: Duration = Duration::from_secs(2);

/// Makes the card: all probes one after the other, each with a connection of its own. Before each, `progress` is told how
/// many are done, how many there are, and what comes next.
///
/// The server gets nothing but tables of random names, which are removed again.
///
/// # Errors
/// When the server cannot be reached or refuses the credentials; what it does wrong otherwise is on the card.
pub async fn run(
    options: Options,
    mut progress: impl FnMut(usize, usize, &'static str),
) -> Result<Card> {
    let lab = Lab::open(options).await?;
    let name = timeout(lab.limit(), own_name(&lab)).await;
    part(&lab).await;
    let all = probes::all();
    let mut rows = Vec::with_capacity(all.len());
    for (done, probe) in all.iter().enumerate() {
        progress(done, all.len(), probe.what);
        let Finding { mark, reason } = ask(&lab, probe).await;
        part(&lab).await;
        rows.push(Row {
            id: probe.id,
            group: probe.group,
            what: probe.what,
            mark,
            reason,
        });
    }
    lab.sweep().await;
    part(&lab).await;
    Ok(Card {
        server: lab.options.target.to_string(),
        name: name.ok().and_then(Outcome::ok),
        login: lab.login.name(&lab.options.credentials),
        rows,
    })
}

/// Runs a probe to its end, its time limit or its panic.
async fn ask(lab: &Lab, probe: &Probe) -> Finding {
    let limit = lab.limit();
    let task = tokio::spawn(timeout(limit, (probe.ask)(lab.clone())));
    let finding = match task.await {
        Ok(Ok(outcome)) => outcome.unwrap_or_else(|finding| finding),
        Ok(Err(_)) => Finding::hangs(format_args!("no answer within {} s", limit.as_secs_f64())),
        Err(why) => Finding::broken(format_args!("the probe itself failed: {why}")),
    };
    let suspect = matches!(finding.mark, Mark::Broken | Mark::Hangs);
    if suspect
        && timeout(limit, lab.client_with(None))
            .await
            .is_ok_and(|client| client.is_err())
    {
        return finding.at("the server takes no more connections");
    }
    finding
}

/// Closes the sessions of the connections that a probe has opened, since a user may have only so many. Not with a token that
/// we were given: its session is not ours.
async fn part(lab: &Lab) {
    let opened = lab.take_opened();
    if lab.is_session_foreign() {
        return;
    }
    let close =
        |client: Client| async move { client.action("CloseSession", bytes::Bytes::new()).await };
    let all = futures::future::join_all(opened.into_iter().map(close));
    // Servers without sessions say so.
    let _ = timeout(GOODBYE, all).await;
}

/// What the server calls itself.
async fn own_name(lab: &Lab) -> Outcome<String> {
    let client = lab.client().await?;
    let rows = lab::rows(&client, command(&CommandGetSqlInfo { info: vec![0, 1] })).await?;
    let values = rows.texts("value").into_iter().flatten();
    let words: Vec<String> = values.map(|text| union_text(&text)).collect();
    if words.is_empty() {
        return Err(Finding::no("no name"));
    }
    Ok(words.join(" "))
}

/// Arrow shows a value of a union with the name of its member.
fn union_text(shown: &str) -> String {
    let inner = shown
        .strip_prefix("{string_value=")
        .and_then(|rest| rest.strip_suffix('}'));
    inner.unwrap_or(shown).to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_member_of_a_union_is_not_part_of_a_name() {
        assert_eq!(union_text("{string_value=Godwit}"), "Godwit");
        assert_eq!(union_text("Godwit"), "Godwit");
    }
}
