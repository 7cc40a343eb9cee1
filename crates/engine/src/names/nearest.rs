/// `; did you mean 'x'?` for names that are spelled as they are.
pub(crate) fn hint_of<'a>(name: &str, candidates: impl Iterator<Item = &'a str>) -> String {
    hint(name, candidates, String::from)
}

/// `; did you mean 'x'?` for the candidate that is nearest to a name, if one is near.
pub(super) fn hint<'a>(
    name: &str,
    candidates: impl Iterator<Item = &'a str>,
    spell: impl Fn(&'a str) -> String,
) -> String {
    let allowed = (name.chars().count() / 3).max(1);
    candidates
        .map(|candidate| {
            (
                strsim::damerau_levenshtein(&name.to_lowercase(), &candidate.to_lowercase()),
                candidate,
            )
        })
        .filter(|(distance, _)| *distance <= allowed)
        .min()
        .map(|(_, candidate)| format!("; did you mean '{}'?", spell(candidate)))
        .unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_near_names_are_offered() {
        let hint = |name| hint(name, ["lineitem", "orders", "t"].into_iter(), String::from);
        assert_eq!(hint("lineitm"), "; did you mean 'lineitem'?");
        assert_eq!(hint("Orders"), "; did you mean 'orders'?");
        assert_eq!(hint("customer"), "");
    }
}
