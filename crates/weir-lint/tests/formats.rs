//! What each output format promises its readers.

use serde_json::Value;
use weir_lint::output::{Format, Report, render};
use weir_lint::{Baseline, Config, Finding, Module, Source, apply_fixes, check};

const JOBS: &str =
    "import requests\n\n\ndef fetch():\n    return requests.get(\"https://a.example\")  # 100% é\n";

fn modules(text: &str) -> Vec<Module> {
    vec![Module::parse(Source { path: "shop/a b,c.py".into(), text: text.into() })]
}

fn findings(modules: &[Module]) -> Vec<Finding> {
    check(modules, &Config::default())
}

fn rendered(text: &str, format: Format) -> String {
    let modules = modules(text);
    let findings = findings(&modules);
    render(&Report { findings: &findings, modules: &modules, accepted: 0 }, format)
}

fn json(text: &str, format: Format) -> Value {
    serde_json::from_str(&rendered(text, format)).expect("valid JSON")
}

#[test]
fn text_shows_the_line_and_what_to_do() {
    let text = rendered(JOBS, Format::Text { color: false });
    let expected = "\
warning[http-no-timeout]: `requests.get` has no time limit
  --> shop/a b,c.py:5:12
  |
5 |     return requests.get(\"https://a.example\")  # 100% é
  |            ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^";
    assert!(text.starts_with(expected), "{text}");
    assert!(text.contains("= help: pass `timeout="));
    assert!(text.ends_with("1 finding in 1 file (0 errors, 1 warning, 0 infos)\n"), "{text}");
    assert!(!text.contains('\x1b'));
    assert!(rendered(JOBS, Format::Text { color: true }).contains("\x1b[1;33mwarning"));
}

#[test]
fn terminals_get_no_control_characters_from_sources() {
    let text = rendered(
        "import requests\nrequests.get('\x1b]0;title\x07', 1)\n",
        Format::Text { color: false },
    );
    assert!(!text.contains('\x1b') && !text.contains('\x07'), "{text:?}");
}

#[test]
fn json_has_every_field() {
    let document = json(JOBS, Format::Json);
    let finding = &document["findings"][0];
    for (key, value) in [
        ("rule", Value::from("http-no-timeout")),
        ("severity", "warning".into()),
        ("confidence", "high".into()),
        ("line", 5.into()),
        ("column", 12.into()),
        ("end_line", 5.into()),
        ("end_column", 45.into()),
        ("page", "docs/using/rules/http-no-timeout.md".into()),
    ] {
        assert_eq!(finding[key], value, "{key}");
    }
    assert_eq!(document["version"], 1);
    assert_eq!(finding["fingerprint"].as_str().map(str::len), Some(16));
}

/// The required properties of the SARIF 2.1.0 schema along the objects that are written, and the
/// types and ranges it gives them.
#[test]
fn sarif_has_the_shape_of_its_schema() {
    let log = json(&format!("{JOBS}def broken(:\n"), Format::Sarif);
    assert_eq!(log["version"], "2.1.0");
    let run = &log["runs"][0];
    let driver = &run["tool"]["driver"];
    assert_eq!(driver["name"], "weir-lint");
    let rules = driver["rules"].as_array().expect("an array");
    for rule in rules {
        assert!(rule["id"].is_string());
        assert!(rule["shortDescription"]["text"].is_string() && rule["help"]["text"].is_string());
        level(&rule["defaultConfiguration"]["level"]);
    }
    let results = run["results"].as_array().expect("an array");
    assert!(!results.is_empty());
    for result in results {
        assert!(result["message"]["text"].is_string());
        level(&result["level"]);
        let index =
            usize::try_from(result["ruleIndex"].as_u64().expect("a number")).expect("small");
        assert_eq!(rules[index]["id"], result["ruleId"]);
        location(&result["locations"][0]);
        for related in result["relatedLocations"].as_array().expect("an array") {
            location(related);
        }
        assert!(
            result["partialFingerprints"]
                .as_object()
                .expect("an object")
                .values()
                .all(Value::is_string)
        );
    }
    let invocation = &run["invocations"][0];
    assert!(invocation["executionSuccessful"].is_boolean());
    let notification = &invocation["toolExecutionNotifications"][0];
    assert!(notification["message"]["text"].as_str().is_some_and(|t| t.contains("syntax error")));
    location(&notification["locations"][0]);
}

fn level(value: &Value) {
    assert!(matches!(value.as_str(), Some("none" | "note" | "warning" | "error")), "{value}");
}

fn location(value: &Value) {
    let physical = &value["physicalLocation"];
    let uri = physical["artifactLocation"]["uri"].as_str().expect("a URI");
    assert!(!uri.contains([' ', ',', '\\']) && !uri.starts_with('/'), "{uri}");
    assert!(physical["region"]["startLine"].as_u64().is_some_and(|line| line >= 1));
}

#[test]
fn github_escapes_what_would_end_a_command() {
    let text = rendered(JOBS, Format::Github);
    assert!(text.starts_with("::warning file=shop/a b%2Cc.py,line=5,col=12,endLine=5,"), "{text}");
    assert_eq!(text.lines().count(), 1);
}

#[test]
fn gitlab_has_the_fields_that_gitlab_reads() {
    let twice = format!(
        "{JOBS}\n\ndef again():\n    return requests.get(\"https://a.example\")  # 100% é\n"
    );
    let report = json(&twice, Format::Gitlab);
    let issues = report.as_array().expect("an array");
    assert_eq!(issues.len(), 2);
    for issue in issues {
        assert!(issue["description"].is_string() && issue["check_name"].is_string());
        assert!(issue["location"]["lines"]["begin"].is_u64());
        assert!(matches!(
            issue["severity"].as_str(),
            Some("info" | "minor" | "major" | "critical" | "blocker")
        ));
    }
    assert_ne!(issues[0]["fingerprint"], issues[1]["fingerprint"]);
}

#[test]
fn a_baseline_accepts_what_was_there_and_reports_what_is_new() {
    let old = modules(JOBS);
    let accepted = findings(&old);
    let report = Report { findings: &accepted, modules: &old, accepted: 0 };
    let baseline = Baseline::accept(&accepted, |f| report.line_of(f));
    let baseline = Baseline::parse(&baseline.render()).expect("what it wrote");
    let moved =
        modules(&format!("# a line above\n{JOBS}\n\ndef more():\n    requests.post(\"u\")\n"));
    let found = findings(&moved);
    let report = Report { findings: &found, modules: &moved, accepted: 0 };
    let (new, count) = baseline.filter(found.clone(), |f| report.line_of(f).to_owned());
    assert_eq!(count, 1);
    assert_eq!(new.iter().map(|f| f.start.line).collect::<Vec<_>>(), [10]);
    assert!(
        Baseline::parse("{}").is_err()
            && Baseline::parse("{\"version\": 9, \"findings\": {}}").is_err()
    );
}

#[test]
fn ignores_silence_and_idle_ones_are_told() {
    let text = "\
import requests

# weir: ignore[http-no-timeout]
requests.get(\"a\")
requests.get(
    \"b\",
)  # weir: ignore[http-no-timeout]
requests.get(\"c\", timeout=1)  # weir: ignore[http-no-timeout]
x = 1  # weir: ignore[no-such-rule]
requests.get(\"d\")  # weir: ignore[thread-orm, http-no-timeout]
";
    let found: Vec<(usize, &str)> =
        findings(&modules(text)).iter().map(|f| (f.start.line, f.rule)).collect();
    assert_eq!(found, [(8, "unused-ignore"), (9, "unused-ignore"), (10, "unused-ignore")]);
    let whole = "# weir: ignore-file[http-no-timeout]\nimport requests\nrequests.get(\"a\")\n";
    assert!(findings(&modules(whole)).is_empty());
}

#[test]
fn the_fix_deletes_what_had_no_effect_and_nothing_else() {
    let text = "SECRET_KEY = 'x'\nATOMIC_REQUESTS = True  # every view\nDEBUG = False\n";
    let modules =
        vec![Module::parse(Source { path: "config/settings.py".into(), text: text.into() })];
    let found = findings(&modules);
    assert_eq!(apply_fixes(text, &found), ("SECRET_KEY = 'x'\nDEBUG = False\n".to_owned(), 1));
    let indented = "SECRET_KEY = 'x'\nif SECRET_KEY:\n    CONN_MAX_AGE = 5\n";
    let modules =
        vec![Module::parse(Source { path: "config/settings.py".into(), text: indented.into() })];
    let (fixed, _) = apply_fixes(indented, &findings(&modules));
    assert_eq!(fixed, "SECRET_KEY = 'x'\nif SECRET_KEY:\n    pass\n");
}

#[test]
fn findings_do_not_depend_on_the_order_of_files() {
    let sources = [
        (
            "shop/models.py",
            "from django.db import models\n\n\nclass User(models.Model):\n    pass\n\n\n\
             class Order(models.Model):\n    user = models.ForeignKey(User, models.CASCADE)\n",
        ),
        (
            "shop/views.py",
            "from shop.models import Order\n\n\ndef view(request):\n    return [o.user.name for o in Order.objects.all()]\n",
        ),
        ("shop/__init__.py", ""),
    ];
    let parse = |(path, text): &(&str, &str)| {
        Module::parse(Source { path: (*path).into(), text: (*text).into() })
    };
    let forward: Vec<Module> = sources.iter().map(parse).collect();
    let backward: Vec<Module> = sources.iter().rev().map(parse).collect();
    assert_eq!(findings(&forward), findings(&backward));
    assert_eq!(findings(&forward).len(), 1);
}
