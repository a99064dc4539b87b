//! Who is refused learns why; console and HTTP say more, also while PostgreSQL hangs.

use crate::stage::{Stage, event};

const ONE_SLOT: &str = "[pool]\nsize = 1\nquery_wait_timeout = \"50ms\"\n";

#[test]
fn a_refused_client_is_told_holder_and_incident_and_every_page_knows_it() {
    let stage = Stage::new(ONE_SLOT);
    let _holder = stage.holder("bulk");
    let story = stage.until_incident("an incident", |story| {
        stage.client().query("SELECT 2").unwrap_err();
        event(story, "first-refusal", |_| true)
    });
    let id = story["incident"]["id"].as_str().unwrap();
    let refused = stage.psql("postgres", "SELECT 3");
    for part in ["belong to \"bulk\"", &format!("Incident {id}: "), "SHOW INCIDENT"] {
        assert!(refused.contains(part), "{part} is not in {refused}");
    }
    let list = stage.psql("weir", "SHOW INCIDENTS");
    assert!(list.contains(&format!("{id}|")), "{list}");
    let one = stage.psql("weir", &format!("SHOW INCIDENT \"{id}\""));
    assert!(one.contains("First requests refused") && one.contains("|critical|"), "{one}");
    assert!(stage.psql("weir", "SHOW INCIDENT").contains("Incident opened"));
    let none = stage.psql("weir", "SHOW INCIDENT \"1999\"");
    assert!(none.contains("there is no incident \"1999\""), "{none}");
    assert_eq!(stage.json("/api/v1/incidents")["incidents"][0]["id"], id);
}

#[test]
fn an_incident_that_is_over_is_still_told_where_nothing_is_kept_on_disk() {
    let quick = "[incident]\ncalm = \"100ms\"\nquiet = \"100ms\"\n";
    let stage = Stage::in_memory(&format!("{ONE_SLOT}{quick}"));
    let holder = stage.holder("bulk");
    stage.until_incident("an incident", |story| {
        stage.client().query("SELECT 2").unwrap_err();
        event(story, "first-refusal", |_| true)
    });
    drop(holder);
    let story = stage.until_incident("its end", |story| story["incident"]["state"] == "closed");
    let id = story["incident"]["id"].as_str().unwrap();
    let list = stage.psql("weir", "SHOW INCIDENTS");
    assert!(list.contains(&format!("{id}|closed|")), "{list}");
    let one = stage.psql("weir", &format!("SHOW INCIDENT \"{id}\""));
    assert!(one.contains("First requests refused"), "{one}");
}

#[test]
fn incidents_are_told_over_http_while_postgresql_hangs() {
    let mut stage = Stage::new(ONE_SLOT);
    drop(stage.holder("any"));
    stage.server.suspend().unwrap();
    let story = stage.until_incident("an incident", |story| event(story, "server-lost", |_| true));
    let id = story["incident"]["id"].as_str().unwrap();
    let (head, page) = stage.http(&format!("/api/v1/incidents/{id}/report?lang=zh"), "");
    assert!(head.contains("content-type: text/html; charset=utf-8"), "{head}");
    assert!(head.contains("content-security-policy: default-src 'none'"), "{head}");
    assert!(page.contains("PostgreSQL 不再响应") && page.contains(id), "{page}");
    let (head, page) = stage.http(&format!("/api/v1/incidents/{id}/report?format=md"), "");
    assert!(head.contains("content-type: text/markdown"), "{head}");
    assert!(page.starts_with(&format!("# Incident {id}\n")), "{page}");
    assert!(stage.psql("weir", "SHOW INCIDENTS").contains(id));
    stage.server.resume().unwrap();
    stage.until_incident("the return", |story| event(story, "server-back", |_| true));
}

#[test]
fn what_is_not_there_and_what_is_not_allowed_are_told_apart() {
    let stage = Stage::new("token = \"open-sesame\"\n");
    let right = "Authorization: Bearer open-sesame\r\n";
    for path in ["/api/v1/incidents", "/api/v1/incidents/latest", "/api/v1/incidents/latest/report"]
    {
        assert!(stage.http(path, "").0.starts_with("HTTP/1.1 401 "), "{path}");
    }
    assert_eq!(stage.http("/api/v1/incidents", right).1.trim(), "{\"incidents\":[]}");
    let (head, body) = stage.http("/api/v1/incidents/latest", right);
    assert!(head.starts_with("HTTP/1.1 404 ") && body.contains("no such incident"), "{body}");
    let wrong = stage.http("/api/v1/incidents/latest/report?format=pdf", right).0;
    assert!(wrong.starts_with("HTTP/1.1 400 "), "{wrong}");
}
