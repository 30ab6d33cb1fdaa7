//! No circle of modules: siblings in one folder never import each other in a round, whatever lies below them.
//!
//! Parent and child may know each other. What a folder imports is what any file below it names by `crate::`, `super::`,
//! `self::`, `use` or a name in scope, followed through re-exports to the module that defines it; tests are left out.

use crate::{root, rust_files};
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

/// Circles that are known: (crate, the modules among which it runs). This one stays: money moves by authority, and
/// authority is kept in accounts.
const KNOWN: &[(&str, &[&str])] = &[("runtime", &["modules::identity", "modules::ledger"])];

/// Names of modules from the crate's root down.
type ModulePath = Vec<String>;

/// One file, as far as it names others.
#[derive(Default)]
struct Module {
    /// Names that it brings into scope; their paths from the crate's root.
    uses: BTreeMap<String, ModulePath>,
    /// Modules that it brings in whole.
    globs: Vec<ModulePath>,
    /// Every path that it names.
    named: Vec<ModulePath>,
    /// Names that it defines.
    items: BTreeSet<String>,
}

type Modules = BTreeMap<ModulePath, Module>;

/// Among the children of one module: who imports whom, and a path that shows it.
type Imports = BTreeMap<String, BTreeMap<String, String>>;

#[test]
fn no_modules_import_each_other_in_a_circle() {
    let mut unused: BTreeSet<_> = KNOWN.iter().collect();
    let mut found = Vec::new();
    for entry in std::fs::read_dir(root()).unwrap() {
        let dir = entry.unwrap().path();
        if !dir.join("src").is_dir() {
            continue;
        }
        let name = dir.file_name().unwrap().to_string_lossy().into_owned();
        for (parent, imports) in imports(&load(&dir.join("src"))) {
            for circle in circles(&imports) {
                let names: BTreeSet<String> = circle
                    .iter()
                    .map(|child| [&parent[..], std::slice::from_ref(child)].concat().join("::"))
                    .collect();
                let known = KNOWN.iter().find(|(of, among)| {
                    *of == name && names.iter().all(|name| among.contains(&name.as_str()))
                });
                match known {
                    Some(known) => _ = unused.remove(known),
                    None => found.push(tell(&name, &names, &circle, &imports)),
                }
            }
        }
    }
    assert!(found.is_empty(), "modules import each other in a circle:\n{}", found.join("\n"));
    assert!(unused.is_empty(), "these circles are open: delete their lines above\n{unused:?}");
}

fn tell(name: &str, names: &BTreeSet<String>, circle: &BTreeSet<String>, imports: &Imports) -> String {
    let mut text = format!("{name}: {}", Vec::from_iter(names.iter().map(String::as_str)).join(" <-> "));
    for (from, to) in imports.iter().filter(|(from, _)| circle.contains(*from)) {
        for (to, shown) in to.iter().filter(|(to, _)| circle.contains(*to)) {
            text.push_str(&format!("\n  {from} -> {to}: {shown}"));
        }
    }
    text
}

/// Sets of children each of which is reached from each other.
fn circles(imports: &Imports) -> Vec<BTreeSet<String>> {
    let reached = |from: &String| {
        let (mut seen, mut next) = (BTreeSet::new(), vec![from.clone()]);
        while let Some(at) = next.pop() {
            for to in imports.get(&at).into_iter().flat_map(BTreeMap::keys) {
                if seen.insert(to.clone()) {
                    next.push(to.clone());
                }
            }
        }
        seen
    };
    let reach: BTreeMap<&String, BTreeSet<String>> =
        imports.keys().map(|from| (from, reached(from))).collect();
    let round = |from: &String| {
        let back = |to: &&String| reach.get(to).is_some_and(|reached| reached.contains(from));
        reach[from].iter().filter(back).cloned().collect::<BTreeSet<String>>()
    };
    let rounds: BTreeSet<_> = imports.keys().map(round).filter(|round| !round.is_empty()).collect();
    rounds.into_iter().collect()
}

/// For each module with children: which of them import which.
fn imports(modules: &Modules) -> BTreeMap<ModulePath, Imports> {
    let mut all: BTreeMap<ModulePath, Imports> = BTreeMap::new();
    for (from, module) in modules {
        for path in &module.named {
            let to = resolve(modules, path, 0);
            let common = from.iter().zip(&to).take_while(|(a, b)| a == b).count();
            let (Some(a), Some(b)) = (from.get(common), to.get(common)) else { continue }; // parent and child
            if modules[&to].items.is_empty() {
                continue; // it only gathers what stands elsewhere, to which what is named through it leads
            }
            let shown = format!("{} names {}", from.join("::"), path.join("::"));
            let imports = all.entry(from[..common].to_vec()).or_default();
            imports.entry(a.clone()).or_default().entry(b.clone()).or_insert(shown);
        }
    }
    all
}

/// The module in which what `path` names is defined.
fn resolve(modules: &Modules, path: &[String], depth: usize) -> ModulePath {
    const REEXPORTS_MAX: usize = 8;
    let mut at = ModulePath::new();
    for (i, name) in path.iter().enumerate() {
        let below = [&at[..], std::slice::from_ref(name)].concat();
        if modules.contains_key(&below) {
            at = below;
            continue;
        }
        let Some(module) = modules.get(&at).filter(|_| depth < REEXPORTS_MAX) else { break };
        if let Some(target) = module.uses.get(name).filter(|target| target[..] != path[..]) {
            return resolve(modules, &[&target[..], &path[i + 1..]].concat(), depth + 1);
        }
        let glob = module.globs.iter().map(|glob| resolve(modules, glob, depth + 1));
        let mut defines = glob.filter(|glob| modules.get(glob).is_some_and(|m| m.items.contains(name)));
        if let Some(target) = defines.next().filter(|_| !module.items.contains(name)) {
            return target;
        }
        break;
    }
    at
}

fn load(src: &Path) -> Modules {
    let mut files = BTreeMap::new();
    let mut tests = BTreeSet::new();
    for file in rust_files(src) {
        let relative = file.strip_prefix(src).unwrap().with_extension("");
        let mut path: ModulePath = relative.iter().map(|part| part.to_string_lossy().into_owned()).collect();
        let last = path.pop().unwrap();
        if path.first().is_some_and(|first| first == "bin") || path.is_empty() && last == "main" {
            continue; // a program of its own
        }
        if !["lib", "mod"].contains(&last.as_str()) {
            path.push(last);
        }
        let (tokens, below) = tokens(&std::fs::read_to_string(&file).unwrap());
        tests.extend(below.into_iter().map(|name| [&path[..], &[name]].concat()));
        files.insert(path, tokens);
    }
    files.retain(|path, _| !(1..=path.len()).any(|n| tests.contains(&path[..n])));
    let known: BTreeSet<ModulePath> = files.keys().cloned().collect();
    let read = |path: &ModulePath, tokens: &[String]| {
        Reader { path, tokens, known: &known, module: Module::default() }.read()
    };
    files.iter().map(|(path, tokens)| (path.clone(), read(path, tokens))).collect()
}

/// Words and signs of a source, without comments, texts and tests; and the modules that are tests.
fn tokens(source: &str) -> (Vec<String>, Vec<String>) {
    let all = words(source);
    let (mut kept, mut tests, mut i) = (Vec::new(), Vec::new(), 0);
    let test = ["#", "[", "cfg", "(", "test", ")", "]"];
    while i < all.len() {
        if !all[i..].iter().map(String::as_str).take(test.len()).eq(test) {
            kept.push(all[i].clone());
            i += 1;
            continue;
        }
        // The item that follows: up to its semicolon, or the end of its braces.
        i += test.len();
        if let Some(at) = all[i..].iter().take(12).position(|word| word == "mod") {
            tests.push(all[i + at + 1].clone());
        }
        let mut open = 0usize;
        while let Some(word) = all.get(i) {
            i += 1;
            match word.as_str() {
                "{" => open += 1,
                "}" => open -= 1,
                ";" if open == 0 => break,
                _ => continue,
            }
            if open == 0 {
                break;
            }
        }
    }
    (kept, tests)
}

/// Identifiers, `::` and single signs.
fn words(source: &str) -> Vec<String> {
    let (chars, mut words, mut i) = (Vec::from_iter(source.chars()), Vec::new(), 0);
    let starts = |at: usize, text: &str| text.chars().enumerate().all(|(n, c)| chars.get(at + n) == Some(&c));
    while let Some(&c) = chars.get(i) {
        if starts(i, "//") {
            while chars.get(i).is_some_and(|c| *c != '\n') {
                i += 1;
            }
        } else if c == 'r' && (starts(i, "r\"") || starts(i, "r#\"") || starts(i, "r##\"")) {
            let hashes = chars[i + 1..].iter().take_while(|c| **c == '#').count();
            let end = format!("\"{}", "#".repeat(hashes));
            i += hashes + 2;
            while i < chars.len() && !starts(i, &end) {
                i += 1;
            }
            i += end.len();
        } else if c == '"' {
            i += 1;
            while chars.get(i).is_some_and(|c| *c != '"') {
                i += if chars[i] == '\\' { 2 } else { 1 };
            }
            i += 1;
        } else if c == '\'' && (chars.get(i + 1) == Some(&'\\') || chars.get(i + 2) == Some(&'\'')) {
            i += if chars[i + 1] == '\\' { 3 } else { 2 }; // a character, no lifetime
            while chars.get(i).is_some_and(|c| *c != '\'') {
                i += 1;
            }
            i += 1;
        } else if c.is_alphanumeric() || c == '_' {
            let word: String = chars[i..].iter().take_while(|c| c.is_alphanumeric() || **c == '_').collect();
            i += word.chars().count();
            words.push(word);
        } else if starts(i, "::") {
            words.push("::".to_owned());
            i += 2;
        } else {
            if !c.is_whitespace() {
                words.push(c.to_string());
            }
            i += 1;
        }
    }
    words
}

/// Reads what one module defines and names.
struct Reader<'a> {
    path: &'a ModulePath,
    tokens: &'a [String],
    known: &'a BTreeSet<ModulePath>,
    module: Module,
}

impl Reader<'_> {
    fn read(mut self) -> Module {
        const DEFINES: [&str; 9] =
            ["struct", "enum", "fn", "trait", "type", "const", "static", "union", "mod"];
        let mut at = 0;
        while at < self.tokens.len() {
            let begins = at == 0 || self.word(at - 1) != "::";
            if DEFINES.contains(&self.word(at)) {
                self.module.items.insert(self.word(at + 1).to_owned());
            }
            if self.word(at) == "use" {
                at = self.tree(at + 1, &[], true);
            } else if begins && self.word(at + 1) == "::" && self.leads_somewhere(self.word(at)) {
                at = self.tree(at, &[], false);
            } else {
                at += 1;
            }
        }
        self.module
    }

    /// Whether a path in code that begins so is one of this crate: by itself, or by what was brought into scope.
    fn leads_somewhere(&self, word: &str) -> bool {
        ["crate", "super", "self"].contains(&word) || self.module.uses.contains_key(word)
    }

    fn word(&self, at: usize) -> &str {
        self.tokens.get(at).map_or("", String::as_str)
    }

    /// Reads one path, or with `use` a tree of paths, that begins at `at` and follows `before`. Returns where it ends.
    fn tree(&mut self, mut at: usize, before: &[String], is_use: bool) -> usize {
        let mut names = before.to_vec();
        loop {
            match self.word(at) {
                "{" if is_use => {
                    at += 1;
                    while !["}", ""].contains(&self.word(at)) {
                        at = self.tree(at, &names, is_use);
                        at += usize::from(self.word(at) == ",");
                    }
                    return at + 1;
                }
                "*" if is_use => {
                    self.module.globs.extend(self.absolute(&names, is_use));
                    self.module.named.extend(self.absolute(&names, is_use));
                    return at + 1;
                }
                name => names.push(name.to_owned()),
            }
            at += 1;
            let goes_on = |word: &str| is_use || word.starts_with(|c: char| c.is_alphanumeric() || c == '_');
            if self.word(at) != "::" || !goes_on(self.word(at + 1)) {
                break;
            }
            at += 1;
        }
        if names.len() > 1 && names.last().is_some_and(|last| last == "self") {
            names.pop();
        }
        let mut alias = names.last().cloned().unwrap_or_default();
        if self.word(at) == "as" {
            self.word(at + 1).clone_into(&mut alias);
            at += 2;
        }
        if let Some(target) = self.absolute(&names, is_use) {
            if is_use {
                self.module.uses.insert(alias, target.clone());
            }
            self.module.named.push(target);
        }
        at
    }

    /// A path from the crate's root; `None` for one that leads out of the crate.
    fn absolute(&self, names: &[String], is_use: bool) -> Option<ModulePath> {
        let ups = names.iter().take_while(|name| *name == "super").count();
        let (base, rest) = match names.first()?.as_str() {
            "crate" => (&[][..], &names[1..]),
            "self" => (&self.path[..], &names[1..]),
            "super" => (&self.path[..self.path.len().checked_sub(ups)?], &names[ups..]),
            name if !is_use && self.module.uses.contains_key(name) => {
                return Some([&self.module.uses[name][..], &names[1..]].concat());
            }
            _ if self.known.contains(&[&self.path[..], &names[..1]].concat()) => (&self.path[..], names),
            _ => return None,
        };
        Some([base, rest].concat())
    }
}
