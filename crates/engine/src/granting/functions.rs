//! `current_user()`, `session_user()` and `has_role('r')`: who asks, for policies, masks and everybody else.
//!
//! The answer is that of one run: the options that a query is run with say who asks.

use std::any::Any;
use std::sync::Arc;

use arrow::array::{BooleanArray, cast::AsArray};
use arrow::datatypes::DataType;
use datafusion::common::config::{ConfigEntry, ConfigExtension, ExtensionOptions};
use datafusion::common::{ScalarValue, exec_err};
use datafusion::error::{DataFusionError, Result};
use datafusion::logical_expr::{
    ColumnarValue, ScalarFunctionArgs, ScalarUDFImpl, Signature, Volatility,
};

use crate::session::Caller;

/// Who asks, in the options of a query.
#[derive(Debug, Clone)]
pub(crate) struct Asker(pub(crate) Arc<Caller>);

/// One of the functions.
#[derive(Debug, PartialEq, Eq, Hash)]
pub(crate) struct AboutAsker {
    answer: Answer,
    signature: Signature,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Answer {
    CurrentUser,
    SessionUser,
    HasRole,
}

/// All of them.
pub(crate) const FUNCTIONS: [Answer; 3] =
    [Answer::CurrentUser, Answer::SessionUser, Answer::HasRole];

impl Answer {
    pub(crate) fn function(self) -> AboutAsker {
        let volatility = Volatility::Stable;
        let signature = match self {
            Self::CurrentUser | Self::SessionUser => Signature::nullary(volatility),
            Self::HasRole => Signature::exact(vec![DataType::Utf8], volatility),
        };
        AboutAsker {
            answer: self,
            signature,
        }
    }
}

impl ScalarUDFImpl for AboutAsker {
    fn name(&self) -> &str {
        match self.answer {
            Answer::CurrentUser => "current_user",
            Answer::SessionUser => "session_user",
            Answer::HasRole => "has_role",
        }
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _: &[DataType]) -> Result<DataType> {
        Ok(match self.answer {
            Answer::CurrentUser | Answer::SessionUser => DataType::Utf8,
            Answer::HasRole => DataType::Boolean,
        })
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let Some(Asker(caller)) = args.config_options.extensions.get::<Asker>() else {
            return exec_err!("{} is known when a query runs, and not before", self.name());
        };
        let asker = &caller.authority;
        if self.answer != Answer::HasRole {
            let user = ScalarValue::from(asker.user());
            return Ok(ColumnarValue::Scalar(user));
        }
        let has = |role: Option<&str>| role.map(|role| asker.is_member(role));
        match args.args.as_slice() {
            [ColumnarValue::Scalar(role)] => {
                let role = role.try_as_str().flatten();
                Ok(ColumnarValue::Scalar(ScalarValue::Boolean(has(role))))
            }
            [ColumnarValue::Array(roles)] => {
                let roles = roles
                    .as_string_opt::<i32>()
                    .ok_or_else(|| DataFusionError::Internal("has_role takes a text".to_owned()))?;
                let answers: BooleanArray = roles.iter().map(has).collect();
                Ok(ColumnarValue::Array(Arc::new(answers)))
            }
            _ => exec_err!("has_role takes one argument, the name of a role"),
        }
    }
}

impl ConfigExtension for Asker {
    const PREFIX: &'static str = "godwit_asker";
}

impl ExtensionOptions for Asker {
    fn as_any(&self) -> &dyn Any {
        self
    }

    fn as_any_mut(&mut self) -> &mut dyn Any {
        self
    }

    fn cloned(&self) -> Box<dyn ExtensionOptions> {
        Box::new(self.clone())
    }

    fn set(&mut self, _: &str, _: &str) -> Result<()> {
        exec_err!("who asks is no setting")
    }

    fn entries(&self) -> Vec<ConfigEntry> {
        Vec::new()
    }
}
