//! Names on the wire, made from identifiers.

/// How a name on the wire is made from the name of a variant: the rules of serde.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) enum RenameRule {
    Lower,
    Upper,
    Pascal,
    Camel,
    #[default]
    Snake,
    ScreamingSnake,
    Kebab,
    ScreamingKebab,
}

const RULES: &[(&str, RenameRule)] = &[
    ("lowercase", RenameRule::Lower),
    ("UPPERCASE", RenameRule::Upper),
    ("PascalCase", RenameRule::Pascal),
    ("camelCase", RenameRule::Camel),
    ("snake_case", RenameRule::Snake),
    ("SCREAMING_SNAKE_CASE", RenameRule::ScreamingSnake),
    ("kebab-case", RenameRule::Kebab),
    ("SCREAMING-KEBAB-CASE", RenameRule::ScreamingKebab),
];

impl RenameRule {
    /// The rule called `name`.
    ///
    /// # Errors
    ///
    /// The reason for the user, if there is none.
    pub(crate) fn find(name: &str) -> Result<Self, String> {
        match RULES.iter().find(|(rule, _)| *rule == name) {
            Some((_, rule)) => Ok(*rule),
            None => {
                let rules: Vec<_> = RULES.iter().map(|(rule, _)| format!("`{rule}`")).collect();
                let rules = rules.join(", ");
                Err(format!("no rename rule is called `{name}`; there are {rules}"))
            }
        }
    }

    pub(crate) fn apply(self, variant: &str) -> String {
        match self {
            Self::Pascal => variant.to_owned(),
            Self::Lower => variant.to_ascii_lowercase(),
            Self::Upper => variant.to_ascii_uppercase(),
            Self::Camel => {
                let mut rest = variant.chars();
                let first = rest.next().map(|first| first.to_ascii_lowercase());
                first.into_iter().chain(rest).collect()
            }
            Self::Snake => {
                let mut snake = String::new();
                for (at, char) in variant.chars().enumerate() {
                    if at > 0 && char.is_uppercase() {
                        snake.push('_');
                    }
                    snake.push(char.to_ascii_lowercase());
                }
                snake
            }
            Self::ScreamingSnake => Self::Snake.apply(variant).to_ascii_uppercase(),
            Self::Kebab => Self::Snake.apply(variant).replace('_', "-"),
            Self::ScreamingKebab => Self::ScreamingSnake.apply(variant).replace('_', "-"),
        }
    }

    /// The same for a field, which is in `snake_case`.
    pub(crate) fn apply_to_field(self, field: &str) -> String {
        match self {
            Self::Lower | Self::Snake => field.to_owned(),
            Self::Upper | Self::ScreamingSnake => field.to_ascii_uppercase(),
            Self::Kebab => field.replace('_', "-"),
            Self::ScreamingKebab => field.to_ascii_uppercase().replace('_', "-"),
            Self::Pascal => {
                let capital = |word: &str| {
                    let (first, rest) = word.split_at_checked(1).unwrap_or((word, ""));
                    first.to_ascii_uppercase() + rest
                };
                field.split('_').map(capital).collect()
            }
            Self::Camel => Self::Camel.apply(&Self::Pascal.apply_to_field(field)),
        }
    }

    /// Whether names by this rule have capital letters.
    pub(crate) fn has_capitals(self) -> bool {
        !matches!(self, Self::Lower | Self::Snake | Self::Kebab)
    }
}

/// Longest name on the wire, in bytes.
const LONGEST: usize = 64;

/// Checks that `name` is `[a-z][a-z0-9_]*([.:-][a-z0-9_]+)*`, where `capitals` allows `A-Z` too.
///
/// # Errors
///
/// The reason for the user.
pub(crate) fn check_name(name: &str, capitals: bool) -> Result<(), String> {
    let letter = |char: char| char.is_ascii_lowercase() || capitals && char.is_ascii_uppercase();
    let inner = |char: char| letter(char) || char.is_ascii_digit() || char == '_';
    let letters = if capitals { "`A-Z`, `a-z`" } else { "`a-z`" };
    if !name.starts_with(letter) {
        Err(format!("`{name}` cannot be a name on the wire: it must start with one of {letters}"))
    } else if !name.split(['.', ':', '-']).all(|part| !part.is_empty() && part.chars().all(inner)) {
        Err(format!(
            "`{name}` cannot be a name on the wire: it must consist of {letters}, `0-9` and `_`, \
             in parts joined by a single `.`, `:` or `-`"
        ))
    } else if name.split(['.', ':', '-']).next() == Some("socketkit") {
        Err(format!(
            "`{name}` cannot be a name on the wire: those that begin with `socketkit` are our own"
        ))
    } else if name.len() > LONGEST {
        let length = name.len();
        Err(format!("a name on the wire has at most {LONGEST} bytes, and this one has {length}"))
    } else {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn variants_are_renamed_as_serde_does() {
        for (variant, names) in [
            (
                "Outcome",
                [
                    "outcome", "OUTCOME", "Outcome", "outcome", "outcome", "OUTCOME", "outcome",
                    "OUTCOME",
                ],
            ),
            (
                "VeryTasty",
                [
                    "verytasty",
                    "VERYTASTY",
                    "VeryTasty",
                    "veryTasty",
                    "very_tasty",
                    "VERY_TASTY",
                    "very-tasty",
                    "VERY-TASTY",
                ],
            ),
            ("A", ["a", "A", "A", "a", "a", "A", "a", "A"]),
            ("Z42", ["z42", "Z42", "Z42", "z42", "z42", "Z42", "z42", "Z42"]),
            (
                "HTTPGet",
                [
                    "httpget",
                    "HTTPGET",
                    "HTTPGet",
                    "hTTPGet",
                    "h_t_t_p_get",
                    "H_T_T_P_GET",
                    "h-t-t-p-get",
                    "H-T-T-P-GET",
                ],
            ),
        ] {
            for ((_, rule), name) in RULES.iter().zip(names) {
                assert_eq!(rule.apply(variant), name, "{rule:?}");
            }
        }
    }

    #[test]
    fn fields_are_renamed_as_serde_does() {
        for (field, names) in [
            (
                "very_tasty",
                [
                    "very_tasty",
                    "VERY_TASTY",
                    "VeryTasty",
                    "veryTasty",
                    "very_tasty",
                    "VERY_TASTY",
                    "very-tasty",
                    "VERY-TASTY",
                ],
            ),
            ("z42", ["z42", "Z42", "Z42", "z42", "z42", "Z42", "z42", "Z42"]),
        ] {
            for ((_, rule), name) in RULES.iter().zip(names) {
                assert_eq!(rule.apply_to_field(field), name, "{rule:?}");
            }
        }
    }

    #[test]
    fn a_rule_has_capitals_if_its_names_have() {
        for (_, rule) in RULES {
            let capitals = rule.apply("VeryTasty").contains(|char: char| char.is_ascii_uppercase());
            assert_eq!(rule.has_capitals(), capitals, "{rule:?}");
        }
    }

    #[test]
    fn names_are_of_the_grammar() {
        let longest = "a".repeat(LONGEST);
        for name in
            ["a", "submit_post", "post.submit", "a:b-c.d", "a.1", "a._", "v2", "a__b", &longest]
        {
            assert_eq!(check_name(name, false), Ok(()), "{name}");
        }
        let longer = "a".repeat(LONGEST + 1);
        for name in [
            "",
            "1a",
            "_a",
            ".a",
            "a.",
            "a..b",
            "a b",
            "a/b",
            "é",
            "aé",
            "SubmitPost",
            "a\"",
            &longer,
        ] {
            assert!(check_name(name, false).is_err(), "{name}");
        }
        assert_eq!(check_name("submitPost", true), Ok(()));
        assert_eq!(check_name("SUBMIT-POST", true), Ok(()));
        assert!(check_name("submit post", true).is_err());
    }
}
