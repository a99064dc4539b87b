//! Bounds and keys that do nothing are promises not kept.

use weir_core::config::limits::TABLE;

use crate::source::{File, flat, none, rust};

/// Whether a file is code that ships, and not a test.
fn ships(file: &File) -> bool {
    file.path.starts_with("crates/")
        && file.path.contains("/src/")
        && !file.path.contains("/tests/")
}

fn names(file: &File, name: &str) -> bool {
    flat(file.tokens()).iter().any(|token| token.text == name)
}

#[test]
fn every_bound_is_used_by_the_code_it_bounds() {
    let files: Vec<File> = rust()
        .into_iter()
        .filter(|file| ships(file) && !file.path.ends_with("config/limits.rs"))
        .collect();
    let used = |name: &str| files.iter().any(|file| file.text.contains(name) && names(file, name));
    let breaches: Vec<String> =
        TABLE.iter().filter(|bound| !used(bound.name)).map(|bound| bound.name.to_owned()).collect();
    none(&breaches, "a bound of config::limits that no code uses");
}

#[test]
fn every_setting_is_read_by_the_program() {
    let all = rust();
    let settings = all.iter().filter(|file| file.path.contains("weir-core/src/config/settings/"));
    let fields = settings.flat_map(|file| {
        file.text.lines().filter_map(|line| {
            let field = line.strip_prefix("    pub ")?.split_once(':')?.0;
            field.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_').then_some(field)
        })
    });
    // What combines settings counts as reading them: `Settings::plan`, the defaults of databases.
    let readers: Vec<&File> = all
        .iter()
        .filter(|file| {
            ships(file)
                && (file.path.starts_with("crates/weir/src/")
                    || file.path.contains("/config/settings/")
                    || file.path.contains("/config/resolve/database.rs"))
        })
        .collect();
    let read = |field: &str| {
        let access = format!(".{field}");
        readers.iter().any(|file| {
            file.text.match_indices(&access).any(|(at, _)| {
                let next = file.text.as_bytes().get(at + access.len()).copied().unwrap_or(b' ');
                !next.is_ascii_alphanumeric() && next != b'_'
            })
        })
    };
    let breaches: Vec<String> = fields.filter(|field| !read(field)).map(str::to_owned).collect();
    none(&breaches, "a setting that nothing reads");
}
