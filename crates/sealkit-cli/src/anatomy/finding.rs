//! A diagnosis of one cookie: the table's sentence, and what is particular to this cookie after it.

use super::diagnosis::Diagnosis;
use sealkit::untrusted::one_line;
use serde::{Serialize, Serializer, ser::SerializeStruct as _};

/// A diagnosis, given.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Finding {
    pub(crate) diagnosis: Diagnosis,
    /// No secret may stand here.
    about: Option<String>,
}

impl From<Diagnosis> for Finding {
    fn from(diagnosis: Diagnosis) -> Self {
        Self { diagnosis, about: None }
    }
}

impl Diagnosis {
    /// With what is particular to this cookie, as one line. Text of the cookie stands in it as [`Untrusted`](sealkit::Untrusted).
    pub(super) fn about(self, about: impl Into<String>) -> Finding {
        Finding { diagnosis: self, about: Some(one_line(&about.into()).into_owned()) }
    }
}

impl Finding {
    /// What is found, in a sentence.
    pub(crate) fn says(&self) -> String {
        match &self.about {
            Some(about) => format!("{}: {about}", self.diagnosis.says()),
            None => self.diagnosis.says().to_owned(),
        }
    }

    /// What to do about it.
    pub(crate) const fn fix(&self) -> &'static str {
        self.diagnosis.fix()
    }
}

impl Serialize for Finding {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut shape = serializer.serialize_struct("Finding", 3)?;
        shape.serialize_field("code", self.diagnosis.code())?;
        shape.serialize_field("says", &self.says())?;
        shape.serialize_field("fix", self.fix())?;
        shape.end()
    }
}
