//! What each SDK of a format makes of a payload, and what is true of all of them.

use super::{
    go,
    loss::{Effect, Loss},
    sdk::{Keeps, Reading, Refresh, Sdk},
    typed::{Dialect, Field, Fit, Presence},
    value::{
        Kind, has_infinite_number, has_longer_number, is_falsy, is_falsy_in_python, is_whole_text, kind,
    },
};
use crate::{
    casing::{Names, Style},
    session::members::{Members, pairs},
};

/// What the SDKs do not do with the payload: first what is true of the first of them, marked where it is not true of all.
pub(super) fn losses(payload: &str, style: Style, sdks: &[Sdk]) -> Vec<Loss> {
    let by_sdk: Vec<(&'static str, Vec<Loss>)> =
        sdks.iter().map(|sdk| (sdk.name, of_one(payload, style, sdk))).collect();
    let is_of_all = |loss: &Loss| by_sdk.iter().all(|(_, losses)| losses.contains(loss));
    let mut told: Vec<Loss> = Vec::new();
    for (name, losses) in &by_sdk {
        for loss in losses {
            let sdk = (!is_of_all(loss)).then_some(*name);
            let loss = Loss { sdk, ..loss.clone() };
            if !told.contains(&loss) {
                told.push(loss);
            }
        }
    }
    told
}

fn of_one(payload: &str, style: Style, sdk: &Sdk) -> Vec<Loss> {
    if let Reading::Go(has_name) = sdk.reading {
        return go::losses(payload, has_name);
    }
    let mut walk = Walk { sdk, style, losses: Vec::new() };
    walk.session(payload);
    walk.losses
}

struct Walk<'s> {
    sdk: &'s Sdk,
    style: Style,
    losses: Vec<Loss>,
}

/// One level of a payload, as an SDK sees it.
struct Level {
    path: &'static str,
    names: Option<Names>,
    keeps: Keeps,
    fields: &'static [Field],
}

impl Walk<'_> {
    fn session(&mut self, payload: &str) {
        let dialect = self.dialect();
        let names = self.style.session();
        let level = Level {
            path: "",
            names: Some(names),
            keeps: self.sdk.session,
            fields: dialect.map_or(&[], Dialect::session),
        };
        let all = Members::parse(payload).unwrap_or_default();
        for (name, json) in all.iter() {
            self.member(&level, name, json);
            match names.api_name(name) {
                Some("user") if self.sdk.session.keeps("user") => self.user(json),
                Some("impersonator") if self.sdk.session.keeps("impersonator") => self.impersonator(json),
                _ => {}
            }
            self.number(names.api_name(name).unwrap_or(name), json);
        }
        self.absent(&level, |name| all.get(name).is_some());
        for needed in self.sdk.needs {
            if all.get(names.of(needed)).is_none_or(|json| kind(json) != Kind::Text) {
                self.tell(Effect::Needed, "", needed);
            }
        }
        let of = |api: &str| all.get(names.of(api));
        self.refresh(of("refresh_token"), of("user"));
    }

    fn user(&mut self, json: &str) {
        let level = Level {
            path: "user.",
            names: Some(self.style.user()),
            keeps: self.sdk.user,
            fields: self.dialect().map_or(&[], Dialect::user),
        };
        match (kind(json), self.sdk.reading) {
            (Kind::Object, _) => self.object(&level, json),
            (Kind::Null, _) => {}
            (_, Reading::Typed(_)) => self.tell(Effect::Needed, "", "user"),
            (_, Reading::AnsweredUser) => self.tell(Effect::Changed, "", "user"),
            _ => {}
        }
    }

    fn impersonator(&mut self, json: &str) {
        let level = Level {
            path: "impersonator.",
            names: None,
            keeps: self.sdk.impersonator,
            fields: self.dialect().map_or(&[], Dialect::impersonator),
        };
        match (kind(json), self.sdk.reading) {
            (Kind::Object, _) => self.object(&level, json),
            (Kind::Null, _) => {}
            (_, Reading::Typed(_)) => self.tell(Effect::Needed, "", "impersonator"),
            _ => {}
        }
    }

    fn object(&mut self, level: &Level, json: &str) {
        let members = pairs(json).unwrap_or_default();
        for (at, (name, json)) in members.iter().enumerate() {
            self.member(level, name, json);
            let stood = members.get(..at).unwrap_or_default().iter().any(|(earlier, _)| earlier == name);
            let is_field = level.fields.iter().any(|field| level.name_of(field.0) == name);
            if stood && is_field && self.dialect().is_some_and(Dialect::refuses_twice) {
                self.tell(Effect::Needed, level.path, level.api_name(name));
            }
        }
        self.absent(level, |name| members.iter().any(|(own, _)| own == name));
    }

    /// One member that is there.
    fn member(&mut self, level: &Level, name: &str, json: &str) {
        let api = level.api_name(name);
        if !level.keeps.keeps(api) {
            self.tell(Effect::NotKept, level.path, api);
        } else if self.is_left_out(level.path, api, json) {
            self.tell(Effect::NullLeftOut, level.path, api);
        } else if self.becomes_empty(level.path, api, json) {
            self.tell(Effect::Changed, level.path, api);
        }
        let Some(dialect) = self.dialect() else { return };
        let Some(field) = level.fields.iter().find(|field| level.name_of(field.0) == name) else { return };
        match dialect.fit(field, json) {
            Fit::As => {}
            Fit::Otherwise if api == "metadata" => self.changed_texts(dialect, json),
            Fit::Otherwise => self.tell(Effect::Changed, level.path, api),
            Fit::Not => self.tell(Effect::Needed, level.path, api),
        }
    }

    /// The values of `user.metadata` that become other ones.
    fn changed_texts(&mut self, dialect: Dialect, json: &str) {
        for (name, value) in pairs(json).unwrap_or_default() {
            if dialect.text(value) == Fit::Otherwise {
                self.tell(Effect::Changed, "user.metadata.", &name);
            }
        }
    }

    /// Fields that must be there.
    fn absent(&mut self, level: &Level, is_there: impl Fn(&str) -> bool) {
        let needed = level.fields.iter().filter(|Field(.., presence)| *presence == Presence::Needed);
        for Field(field, ..) in needed.filter(|field| !is_there(level.name_of(field.0))) {
            self.tell(Effect::Needed, level.path, field);
        }
    }

    fn is_left_out(&self, path: &str, name: &str, json: &str) -> bool {
        kind(json) == Kind::Null
            && self.sdk.leaves_out.iter().any(|left_out| left_out.strip_prefix(path) == Some(name))
    }

    /// Node writes `{}` for `metadata` that is null.
    fn becomes_empty(&self, path: &str, name: &str, json: &str) -> bool {
        self.sdk.reading == Reading::AnsweredUser
            && (path, name) == ("user.", "metadata")
            && kind(json) == Kind::Null
    }

    /// A number with more digits than the SDK's JSON reader takes, wherever it stands.
    fn number(&mut self, member: &str, json: &str) {
        let is_too_long = match self.sdk.reading {
            Reading::PythonMaps => has_longer_number(json, 4300, true),
            Reading::Typed(dialect) => {
                dialect.longest_number().is_some_and(|most| has_longer_number(json, most, false))
            }
            _ => false,
        };
        if is_too_long {
            self.tell(Effect::Needed, "", member);
        }
    }

    fn refresh(&mut self, refresh_token: Option<&str>, user: Option<&str>) {
        let (refresh_token, user) = (refresh_token.unwrap_or("null"), user.unwrap_or("null"));
        let (no_token, no_user) = match self.sdk.refresh {
            Refresh::Unmeasured => (false, false),
            Refresh::Node => (is_falsy(refresh_token), is_falsy(user)),
            Refresh::AuthkitSession => (false, user == "null" || has_infinite_number(user)),
            Refresh::Python => {
                let cannot_be_sent = kind(refresh_token) == Kind::Text && !is_whole_text(refresh_token);
                (cannot_be_sent || is_falsy_in_python(refresh_token), is_falsy_in_python(user))
            }
        };
        if no_token {
            self.tell(Effect::NotRefreshed, "", "refresh_token");
        }
        if no_user {
            self.tell(Effect::NotRefreshed, "", "user");
        }
    }

    const fn dialect(&self) -> Option<Dialect> {
        match self.sdk.reading {
            Reading::Typed(dialect) => Some(dialect),
            _ => None,
        }
    }

    fn tell(&mut self, effect: Effect, path: &str, name: &str) {
        let loss = Loss::new(effect, format!("{path}{name}"));
        if !self.losses.contains(&loss) {
            self.losses.push(loss);
        }
    }
}

impl Level {
    fn api_name<'n>(&self, name: &'n str) -> &'n str {
        self.names.and_then(|names| names.api_name(name)).unwrap_or(name)
    }

    fn name_of(&self, api: &'static str) -> &'static str {
        self.names.map_or(api, |names| names.of(api))
    }
}
