use schemars::generate::SchemaSettings;
use serde_json::Value;

use crate::Config;

/// The JSON schema of the configuration file, for editors. The file in `config/` is this text.
pub fn json_schema() -> Value {
    let settings =
        SchemaSettings::draft2020_12().with(|settings| settings.inline_subschemas = true);
    let mut schema = settings
        .into_generator()
        .into_root_schema_for::<Config>()
        .to_value();
    tidy(&mut schema);
    schema
}

/// TOML has no null: a key that may be left out is left out, while `schemars` describes such keys as "or null".
/// The default of a section says nothing that those of its keys do not say.
fn tidy(schema: &mut Value) {
    match schema {
        Value::Object(members) => {
            if let Some(Value::Array(types)) = members.get_mut("type") {
                types.retain(|name| name != "null");
                if let [only] = types.as_slice() {
                    let only = only.clone();
                    members.insert("type".to_owned(), only);
                }
            }
            members.retain(|name, value| {
                !(name == "default" && (value.is_null() || value.is_object()))
            });
            members.values_mut().for_each(tidy);
        }
        Value::Array(items) => items.iter_mut().for_each(tidy),
        _ => {}
    }
}
