use godwit_protocol::session::OptionValue;

/// The value of an option as SQL writes it.
pub(super) fn literal(value: &OptionValue) -> String {
    let text = |text: &str| format!("'{}'", text.replace('\'', "''"));
    match value {
        OptionValue::Text(value) => text(value),
        OptionValue::Bool(value) => value.to_string(),
        OptionValue::Int(value) => value.to_string(),
        OptionValue::Double(value) => value.to_string(),
        OptionValue::TextList(values) => {
            let values: Vec<_> = values.iter().map(|value| text(value)).collect();
            format!("[{}]", values.join(", "))
        }
    }
}
