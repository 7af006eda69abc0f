//! Writes a program of random types: each form that serde knows, in one another.

use crate::types::{Facts, Type};
use std::{collections::BTreeSet, fmt::Write};

#[derive(Clone, Copy, PartialEq)]
pub(crate) enum Kind {
    /// Named fields.
    Fields,
    /// The same, and others are refused: not flattened, says serde.
    Closed,
    /// The same, and a map of all others.
    Open,
    Unit,
    /// An enum of unit variants.
    Names,
    /// An enum whose variants are members, or texts.
    External,
    /// An enum that is always an object.
    Tagged,
    Other,
}

/// A struct or an enum.
pub(crate) struct Item {
    pub(crate) name: String,
    pub(crate) kind: Kind,
    pub(crate) is_generic: bool,
    pub(crate) facts: Facts,
    /// The items whose members it has.
    pub(crate) members_of: BTreeSet<usize>,
}

pub(crate) struct Program {
    pub(crate) rng: fastrand::Rng,
    pub(crate) items: Vec<Item>,
    pub(crate) text: String,
}

const RULES: [&str; 6] =
    ["camelCase", "PascalCase", "snake_case", "SCREAMING_SNAKE_CASE", "kebab-case", "UPPERCASE"];
pub(crate) const ANY: &str = "source.any()";

impl Program {
    /// Modules of protocols, each of so many events, whose payloads are so many random types.
    pub(crate) fn write(seed: u64, modules: usize, events: usize) -> String {
        let mut out = String::new();
        let mut rng = fastrand::Rng::with_seed(seed);
        for module in 0..modules {
            let mut program = Self { rng: rng.fork(), items: Vec::new(), text: String::new() };
            let of = program.module(events);
            let _ = writeln!(out, "pub(crate) mod m{module} {{\nuse super::*;\n{of}}}\n");
        }
        out
    }

    fn module(&mut self, count: usize) -> String {
        let (mut events, mut unreadable, mut made) = (String::new(), String::new(), String::new());
        for at in 0..count {
            let name = format!("Event{at}");
            let (declared, how, facts) = match self.rng.u8(0..8) {
                0 => {
                    let fields = self.fields(&format!("e{at}"), true, None);
                    let how = format!("{{ {} }}", fields.made);
                    (format!("{{ {} }}", fields.declared), how, fields.facts)
                }
                1 => {
                    let two = [self.of(2), self.of(2)];
                    let facts = two[0].facts.and(two[1].facts);
                    (
                        format!("({}, {})", two[0].text, two[1].text),
                        format!("({ANY}, {ANY})"),
                        facts,
                    )
                }
                _ => {
                    let item = self.item();
                    let of = self.named(item, 1);
                    (format!("({})", of.text), format!("({ANY})"), of.facts)
                }
            };
            let _ = writeln!(events, "{name}{declared},");
            let _ = writeln!(made, "{at} => Event::{name}{how},");
            if facts.is_unreadable {
                let _ = write!(unreadable, "\"event{at}\",");
            }
        }
        format!(
            "{}\n#[derive(Debug, Events)]\npub(crate) enum Event {{\n{events}}}\n\
             #[derive(Debug, Protocol)]\n#[protocol(client = Event, server = Event)]\n\
             pub(crate) struct Both;\n\
             impl Made for Event {{\ntype Protocol = Both;\n\
             const UNREADABLE: &'static [&'static str] = &[{unreadable}];\n\
             fn made(at: usize, source: &mut Source) -> Self {{\nmatch at {{\n{made}\
             _ => unreachable!(),\n}}\n}}\n}}\n",
            self.text
        )
    }

    /// A new one, which may have those before it.
    fn item(&mut self) -> usize {
        let at = self.items.len();
        let name = format!("T{at}");
        let is_generic = self.rng.u8(0..6) == 0;
        let parameter = is_generic.then(|| Type::plain("T"));
        let bounds = if is_generic { "<T>" } else { "" };
        let mut attrs = String::new();
        let is_namesake = self.rng.u8(0..12) == 0;
        if is_namesake {
            attrs += "#[serde(rename = \"Namesake\")]\n";
        }
        let mut members_of = BTreeSet::from([at]);
        let (kind, facts, declared, made) = match self.rng.u8(0..10) {
            0..4 => self.fields_of_struct(at, parameter.as_ref(), &mut attrs, &mut members_of),
            4 => self.tuple_struct(parameter.as_ref(), &mut attrs),
            5 if !is_generic => {
                (Kind::Unit, Facts::default(), format!("struct {name};"), "Self".to_owned())
            }
            6 if !is_generic => {
                let variants = self.rng.usize(1..5);
                let names: Vec<_> = (0..variants).map(|at| format!("NameOf{at}")).collect();
                self.rename_all(&mut attrs, "rename_all");
                let arms: Vec<_> = names.iter().map(|name| format!("Self::{name}")).collect();
                attrs += "#[derive(PartialEq, Eq, PartialOrd, Ord)]\n";
                let declared = format!("enum {name} {{ {} }}", names.join(", "));
                (Kind::Names, Facts::default(), declared, choice(&arms))
            }
            _ => self.enum_of(at, parameter.as_ref(), &mut attrs, &mut members_of),
        };
        let random = if is_generic { "<T: Random>" } else { "" };
        let mut text = format!(
            "#[derive(Debug, Serialize, Deserialize, JsonSchema)]\n{attrs}pub(crate) {declared}\n\
             impl{random} Random for {name}{bounds} {{\n\
             fn random(source: &mut Source) -> Self {{\n{made}\n}}\n}}\n"
        );
        if is_namesake {
            // Two of one name in one module are one to schemars.
            text = format!(
                "mod namesake{at} {{\nuse super::*;\n{text}}}\npub(crate) use namesake{at}::{name};\n"
            );
        }
        self.text += &text;
        self.items.push(Item { name, kind, is_generic, facts, members_of });
        at
    }

    fn rename_all(&mut self, attrs: &mut String, key: &str) {
        if self.rng.u8(0..3) == 0 {
            let rule = RULES[self.rng.usize(..RULES.len())];
            let _ = writeln!(attrs, "#[serde({key} = \"{rule}\")]");
        }
    }

    fn fields_of_struct(
        &mut self,
        at: usize,
        parameter: Option<&Type>,
        attrs: &mut String,
        members_of: &mut BTreeSet<usize>,
    ) -> (Kind, Facts, String, String) {
        let bounds = if parameter.is_some() { "<T>" } else { "" };
        self.rename_all(attrs, "rename_all");
        let mut fields = self.fields(&at.to_string(), false, parameter);
        members_of.append(&mut fields.members_of);
        if self.rng.u8(0..3) == 0 {
            // Of itself, in what ends.
            let form = ["Option<Box<Self>>", "Vec<Self>", "BTreeMap<String, Self>"];
            let form = form[self.rng.usize(..3)];
            let _ = write!(fields.declared, "again_{at}: {form},");
            let _ = write!(fields.made, "again_{at}: {ANY},");
        }
        if fields.has_default && self.rng.bool() {
            *attrs += "#[derive(Default)]\n#[serde(default)]\n";
        }
        let refuses = !fields.declared.contains("flatten") && self.rng.u8(0..6) == 0;
        if refuses {
            *attrs += "#[serde(deny_unknown_fields)]\n";
        }
        let kind = match (refuses, fields.is_open) {
            (true, _) => Kind::Closed,
            (_, true) => Kind::Open,
            _ => Kind::Fields,
        };
        let declared = format!("struct T{at}{bounds} {{ {} }}", fields.declared);
        (kind, fields.facts, declared, format!("Self {{ {} }}", fields.made))
    }

    fn tuple_struct(
        &mut self,
        parameter: Option<&Type>,
        attrs: &mut String,
    ) -> (Kind, Facts, String, String) {
        let bounds = if parameter.is_some() { "<T>" } else { "" };
        let mut types = vec![parameter.cloned().unwrap_or_else(|| self.of(2))];
        if self.rng.bool() {
            types.push(self.of(2));
        } else if self.rng.bool() {
            *attrs += "#[serde(transparent)]\n";
        }
        let facts = types.iter().fold(Facts::default(), |facts, of| facts.and(of.facts));
        let texts: Vec<_> = types.iter().map(|of| of.text.as_str()).collect();
        let declared = format!("struct T{}{bounds}({});", self.items.len(), texts.join(", "));
        (Kind::Other, facts, declared, format!("Self({})", vec![ANY; types.len()].join(", ")))
    }

    fn enum_of(
        &mut self,
        at: usize,
        parameter: Option<&Type>,
        attrs: &mut String,
        members_of: &mut BTreeSet<usize>,
    ) -> (Kind, Facts, String, String) {
        let form = self.rng.u8(0..4);
        let (attr, mut kind) = match form {
            0 => (String::new(), Kind::External),
            1 => (format!("#[serde(tag = \"tag of {at}\")]\n"), Kind::Tagged),
            2 => {
                (format!("#[serde(tag = \"tag{at}\", content = \"content{at}\")]\n"), Kind::Tagged)
            }
            _ => ("#[serde(untagged)]\n".to_owned(), Kind::Other),
        };
        *attrs += &attr;
        self.rename_all(attrs, "rename_all");
        self.rename_all(attrs, "rename_all_fields");
        let (mut variants, mut arms, mut facts) = (Vec::new(), Vec::new(), Facts::default());
        let (mut is_open, mut is_closed) = (false, false);
        let mut add = |name: &str, declared: String, made: String| {
            variants.push(format!("{name}{declared}"));
            arms.push(format!("Self::{name}{made}"));
        };
        // The first ends where others may go on for ever.
        add(&format!("Nothing{at}"), String::new(), String::new());
        if let Some(of) = parameter {
            let declared = format!(" {{ given_{at}: {} }}", of.text);
            add(&format!("Given{at}"), declared, format!(" {{ given_{at}: {ANY} }}"));
        }
        for count in 0..self.rng.usize(1..4) {
            let name = format!("Variant{at}x{count}");
            match self.rng.u8(0..5) {
                0 => add(&name, String::new(), String::new()),
                1 => {
                    let (of, inner) = match form {
                        1 => self.object(members_of),
                        _ => (self.of(2), Kind::Other),
                    };
                    is_open |= inner == Kind::Open;
                    is_closed |= inner == Kind::Closed;
                    facts = facts.and(of.facts);
                    add(&name, format!("({})", of.text), format!("({ANY})"));
                }
                2 if form != 1 => {
                    let of = self.of(2);
                    facts = facts.and(of.facts);
                    add(&name, format!("({}, u8)", of.text), format!("({ANY}, {ANY})"));
                }
                3 if form != 1 => add(&name, "(Vec<Self>)".to_owned(), format!("({ANY})")),
                _ => {
                    let mut fields = self.fields(&format!("{at}v{count}"), false, None);
                    is_open |= fields.is_open;
                    members_of.append(&mut fields.members_of);
                    facts = facts.and(fields.facts);
                    let declared = format!(" {{ {} }}", fields.declared);
                    add(&name, declared, format!(" {{ {} }}", fields.made));
                }
            }
        }
        if form != 0 {
            // `T` may be anything.
            facts = facts.put_aside();
            facts.is_shy |= parameter.is_some();
        }
        if is_closed {
            kind = Kind::Closed;
        }
        if form < 3 && !variants.iter().any(|of| of.contains("flatten")) && self.rng.u8(0..8) == 0 {
            *attrs += "#[serde(deny_unknown_fields)]\n";
            kind = if form == 0 { Kind::Other } else { Kind::Closed };
        }
        if is_open {
            kind = Kind::Other;
        }
        let bounds = if parameter.is_some() { "<T>" } else { "" };
        let declared = format!("enum T{at}{bounds} {{ {} }}", variants.join(", "));
        (kind, facts, declared, choice(&arms))
    }

    /// What an internally tagged enum may have in a newtype variant: a map, or a type with members.
    fn object(&mut self, members_of: &mut BTreeSet<usize>) -> (Type, Kind) {
        // schemars takes the texts of an `External` for such, and the tag for a member of an `Open` one.
        let unfit = [Kind::Names, Kind::Other, Kind::External, Kind::Open];
        match self.with_members(members_of, &unfit) {
            Some(item) if self.rng.u8(0..4) > 0 => {
                members_of.extend(&self.items[item].members_of);
                (self.named(item, 3), self.items[item].kind)
            }
            _ => (self.around("BTreeMap<String, ", ">", 2), Kind::Open),
        }
    }
}

/// One of these: the first when it gets too deep.
fn choice(arms: &[String]) -> String {
    let rest: Vec<_> =
        arms.iter().enumerate().skip(1).map(|(at, arm)| format!("{at} => {arm},\n")).collect();
    format!("match source.pick({}) {{\n{}_ => {},\n}}", arms.len(), rest.concat(), arms[0])
}
