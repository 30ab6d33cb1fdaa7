//! Settings: each has its name, its default, what is allowed and a sentence for people in one place.
//!
//! [`settings!`] makes of that list the struct that the file is read into, its defaults, the file that `wattle init`
//! writes, the check of every bound, and what `wattle config show` prints. To add a setting is to add its line.

use serde::Serialize;
use std::fmt::Display;
use std::ops::RangeInclusive;
use toml::Value;
use wattle_primitives::planted;

/// Head of a file of settings.
const HEAD: &str = "\
# The node's configuration. A line such as #name = 1 shows a default: without its # it is a setting. A default may be
# another one in a later version, a setting stays. Unknown names and values that are not allowed end the start.
";

/// Settings of one section.
pub struct Section {
    /// Its name with those above it, such as `p2p.limits`; empty for the file itself.
    pub path: String,
    about: &'static [&'static str],
    /// Its own settings, without those of sections in it.
    pub settings: Vec<Setting>,
}

/// One setting as it stands.
pub struct Setting {
    name: &'static str,
    about: &'static [&'static str],
    /// Allowed values, in words.
    pub allowed: String,
    /// Its value.
    pub value: Value,
    /// Its value when it is not set.
    pub default: Value,
    /// The value, or the part of it, that is not allowed.
    refused: Option<String>,
}

/// A setting whose value is not allowed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{setting} is {value}; allowed: {allowed}")]
pub struct Refused {
    /// Its full name.
    pub setting: String,
    /// Its value, or the part of it that is not allowed.
    pub value: String,
    /// Allowed values, in words.
    pub allowed: String,
}

/// Bounds of a setting's value.
pub(super) trait Bound<T> {
    /// In words.
    fn allowed(&self) -> String;
    /// The value, or the part of it, that is not allowed.
    fn refused(&self, value: &T) -> Option<String>;
}

impl<T: Display + PartialOrd> Bound<T> for RangeInclusive<T> {
    fn allowed(&self) -> String {
        format!("{} to {}", self.start(), self.end())
    }
    fn refused(&self, value: &T) -> Option<String> {
        (!self.contains(value)).then(|| value.to_string())
    }
}

/// Every value of the type, which these words describe.
pub(super) struct Any(pub(super) &'static str);

impl<T> Bound<T> for Any {
    fn allowed(&self) -> String {
        self.0.to_owned()
    }
    fn refused(&self, _: &T) -> Option<String> {
        None
    }
}

/// At most so many items, each of which passes a test.
pub(super) struct Items<F> {
    pub(super) max: usize,
    pub(super) what: &'static str,
    pub(super) test: F,
}

impl<T: Display, F: Fn(&T) -> bool> Bound<Vec<T>> for Items<F> {
    fn allowed(&self) -> String {
        format!("at most {} {}", self.max, self.what)
    }
    fn refused(&self, value: &Vec<T>) -> Option<String> {
        if value.len() > self.max {
            return Some(format!("a list of {}", value.len()));
        }
        value.iter().find(|item| !(self.test)(item)).map(|item| format!("{:?}", item.to_string()))
    }
}

/// A struct made by [`settings!`].
pub(super) trait Settings {
    /// Itself and the sections in it, in the order of the file. `path` is its own name.
    fn sections(&self, path: &str) -> Result<Vec<Section>, toml::ser::Error>;
}

impl Section {
    pub(super) fn new(path: &str, about: &'static [&'static str], settings: Vec<Setting>) -> Self {
        Self { path: path.to_owned(), about, settings }
    }

    /// The full name of one of its settings.
    #[must_use]
    pub fn name_of(&self, setting: &Setting) -> String {
        join(&self.path, setting.name)
    }
}

impl Setting {
    pub(super) fn new<T: Serialize>(
        name: &'static str,
        about: &'static [&'static str],
        value: &T,
        default: &T,
        bound: &impl Bound<T>,
    ) -> Result<Self, toml::ser::Error> {
        let (allowed, refused) = (bound.allowed(), bound.refused(value));
        let (value, default) = (Value::try_from(value)?, Value::try_from(default)?);
        Ok(Self { name, about, allowed, value, default, refused })
    }

    /// Whether it has another value than its default.
    #[must_use]
    pub fn is_set(&self) -> bool {
        self.value != self.default
    }

    fn write(&self, text: &mut String) {
        write_about(text, self.about, &format!(" ({})", self.allowed));
        if planted!("defaults-are-pinned", !self.is_set()) {
            text.push_str(&format!("{} = {}\n", self.name, self.default));
            return;
        }
        text.push_str(&format!("#{} = {}\n", self.name, self.default));
        if !self.is_set() {
            return;
        }
        match &self.value {
            Value::Array(items) if items.len() > 1 => {
                let items: String = items.iter().map(|item| format!("    {item},\n")).collect();
                text.push_str(&format!("{} = [\n{items}]\n", self.name));
            }
            value => text.push_str(&format!("{} = {value}\n", self.name)),
        }
    }
}

/// The name of something in a section.
pub(super) fn join(path: &str, name: &str) -> String {
    if path.is_empty() { name.to_owned() } else { format!("{path}.{name}") }
}

/// The first setting whose value is not allowed.
pub(super) fn check(sections: &[Section]) -> Result<(), Refused> {
    let all =
        sections.iter().flat_map(|section| section.settings.iter().map(move |setting| (section, setting)));
    for (section, setting) in all {
        if let Some(value) = &setting.refused
            && !planted!("setting-bound-ignored")
        {
            let (setting, allowed) = (section.name_of(setting), setting.allowed.clone());
            return Err(Refused { setting, value: value.clone(), allowed });
        }
    }
    Ok(())
}

/// The file: every setting with what it is for, what is allowed and its default, and those set.
pub(super) fn to_toml(sections: &[Section]) -> String {
    let mut text = HEAD.to_owned();
    for section in sections {
        text.push('\n');
        if !section.path.is_empty() {
            write_about(&mut text, section.about, "");
            text.push_str(&format!("[{}]\n", section.path));
        }
        for setting in &section.settings {
            setting.write(&mut text);
        }
    }
    text
}

fn write_about(text: &mut String, about: &[&str], end: &str) {
    text.push_str(&format!("#{}{end}\n", about.join("\n#")));
}

/// Makes a struct of settings. Each has what it is for, its name, its type, its default and what is allowed.
///
/// `with base = value;` names a value that defaults are taken from, so that they are written down once.
macro_rules! settings {
    (
        $(#[doc = $about:literal])+
        $(#[derive($also:ident)])?
        pub struct $section:ident {
            $(with $base:ident = $defaults:expr;)?
            $($(#[doc = $doc:literal])+ $name:ident: $type:ty = $default:expr, $bound:expr;)*
        }
        $(sections { $($inner:ident: $inner_type:ty,)* })?
    ) => {
        $(#[doc = $about])+
        #[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
        $(#[derive($also)])?
        #[serde(deny_unknown_fields, default)]
        pub struct $section {
            $($(#[doc = $doc])+ pub $name: $type,)*
            $($(#[doc = concat!("The section `", stringify!($inner), "`.")] pub $inner: $inner_type,)*)?
        }

        impl Default for $section {
            fn default() -> Self {
                $(let $base = $defaults;)?
                Self { $($name: $default,)* $($($inner: <$inner_type>::default(),)*)? }
            }
        }

        impl $crate::home::settings::Settings for $section {
            fn sections(&self, path: &str) -> Result<Vec<$crate::home::settings::Section>, toml::ser::Error> {
                use $crate::home::settings::{Section, Setting};
                let standard = Self::default();
                let settings = vec![$(
                    Setting::new(stringify!($name), &[$($doc),+], &self.$name, &standard.$name, &$bound)?,
                )*];
                let parts = [
                    vec![Section::new(path, &[$($about),+], settings)],
                    $($($crate::home::settings::Settings::sections(
                        &self.$inner,
                        &$crate::home::settings::join(path, stringify!($inner)),
                    )?,)*)?
                ];
                Ok(parts.into_iter().flatten().collect())
            }
        }
    };
}
pub(super) use settings;
