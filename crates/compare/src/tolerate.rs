//! Differences that are known and let pass. Pure.

/// Places where servers may differ, read from a file of rules.
///
/// A rule a line: a method or `*`, then a path as [`Difference`](crate::Difference) names them, in which `*` is any one
/// step and `**` at the end any steps, at least one. `#` begins a comment, at the beginning of a line or behind a space.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Tolerances {
    rules: Vec<Rule>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Rule {
    /// The rule's own text, without its comment.
    text: String,
    /// None: every method.
    method: Option<String>,
    steps: Vec<String>,
    /// Whether more steps may follow.
    open: bool,
}

/// A line that is no rule.
#[derive(Debug, thiserror::Error)]
#[error("line {line}: {reason}")]
pub struct TolerancesError {
    line: usize,
    reason: &'static str,
}

impl Tolerances {
    /// Reads rules.
    pub fn parse(text: &str) -> Result<Self, TolerancesError> {
        let mut rules = Vec::new();
        for (line, text) in (1..).zip(text.lines()) {
            if let Some(rule) = Rule::parse(text).map_err(|reason| TolerancesError { line, reason })? {
                rules.push(rule);
            }
        }
        Ok(Self { rules })
    }

    /// The place of the first rule that lets a difference pass.
    pub fn rule_of(&self, method: &str, path: &str) -> Option<usize> {
        self.rules.iter().position(|rule| rule.lets_pass(method, path))
    }

    /// The text of each rule.
    pub fn texts(&self) -> impl Iterator<Item = &str> {
        self.rules.iter().map(|rule| rule.text.as_str())
    }
}

impl Rule {
    /// None for a line without a rule.
    fn parse(line: &str) -> Result<Option<Self>, &'static str> {
        let words: Vec<&str> = line.split_whitespace().take_while(|word| !word.starts_with('#')).collect();
        let (method, path) = match words.as_slice() {
            [] => return Ok(None),
            [method, path] => (*method, *path),
            _ => return Err("a rule is a method (or *) and a path"),
        };
        let Some(path_steps) = path.strip_prefix('/') else { return Err("a path begins with /") };
        let mut steps: Vec<String> = path_steps.split('/').map(str::to_owned).collect();
        let open = steps.pop_if(|last| last == "**").is_some();
        if steps.iter().any(|step| step == "**") {
            return Err("** stands only at the end of a path");
        }
        let method = (method != "*").then(|| method.to_owned());
        Ok(Some(Self { text: words.join(" "), method, steps, open }))
    }

    fn lets_pass(&self, method: &str, path: &str) -> bool {
        let steps: Vec<&str> = path.split('/').skip(1).collect();
        let long_enough =
            if self.open { steps.len() > self.steps.len() } else { steps.len() == self.steps.len() };
        self.method.as_deref().is_none_or(|named| named == method)
            && long_enough
            && self.steps.iter().zip(steps).all(|(rule, step)| rule == "*" || rule == step)
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]

    use super::*;

    #[test]
    fn a_rule_is_a_method_and_a_path() {
        let rules = Tolerances::parse(
            "# what the other server adds\n\n* /result/items/*/content/files/*/cdn_uri # a CDN\ngetAsset /result/token_info/**\n",
        )
        .unwrap();
        let passes = |method, path| rules.rule_of(method, path);
        assert_eq!(passes("searchAssets", "/result/items/abc/content/files/0/cdn_uri"), Some(0));
        assert_eq!(passes("searchAssets", "/result/items/abc/content/files/0/uri"), None);
        assert_eq!(passes("searchAssets", "/result/items/abc/content/files/0/cdn_uri/x"), None);
        assert_eq!(passes("getAsset", "/result/token_info/price_info/currency"), Some(1));
        assert_eq!(passes("getAsset", "/result/token_info"), None);
        assert_eq!(passes("getAssets", "/result/token_info/decimals"), None);
        let texts: Vec<&str> = rules.texts().collect();
        assert_eq!(texts[1], "getAsset /result/token_info/**");
    }

    #[test]
    fn what_is_no_rule_is_refused_with_its_line() {
        for (text, line) in [("getAsset", 1), ("\n* result/a", 2), ("* /a/**/b", 1), ("* /a /b", 1)] {
            let error = Tolerances::parse(text).unwrap_err().to_string();
            assert!(error.starts_with(&format!("line {line}: ")), "{text}: {error}");
        }
        assert_eq!(Tolerances::parse("\n # nothing\n").unwrap(), Tolerances::default());
    }
}
