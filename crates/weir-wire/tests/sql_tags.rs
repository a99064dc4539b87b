//! What the tags of a text are, whom they name, and how routes lose their ids.

use weir_wire::sql::{Attribution, ROUTE_LEN_MAX, VALUE_LEN_MAX, tags, templated};

#[track_caller]
fn check(sql: &str, expected: &str) {
    let found: Vec<String> =
        tags(sql.as_bytes()).map(|(key, value)| format!("{key}={value}")).collect();
    assert_eq!(found.join(" | "), expected, "{sql}");
}

#[track_caller]
fn check_all(rows: &[(&str, &str)]) {
    for (sql, expected) in rows {
        check(sql, expected);
    }
}

#[test]
fn sqlcommenter() {
    check_all(&[
        ("SELECT 1 /*route='orders',app_name='shop'*/", "route=orders | app_name=shop"),
        ("SELECT 1 /*route='%5Eorders/%24'*/", "route=^orders/$"),
        ("SELECT 1 /*framework='django%%3A5.2'*/", "framework=django:5.2"),
        ("SELECT 1 /* route = 'a b' , action = 'c' */", "route=a b | action=c"),
        ("SELECT 1 /*user='o\\'neil, jr',action='x'*/", "user=o'neil, jr | action=x"),
        ("SELECT 1 /*a='%zz%4',b='100%'*/", "a=%zz%4 | b=100%"),
        ("SELECT 1 /*a='%C3%A9'*/", "a=é"),
        ("SELECT 1 /*a='%ff'*/", "a=\u{fffd}"),
        ("SELECT 1 /*a=''*/", "a="),
        ("SELECT 1 /*a='unterminated*/", "a='unterminated"),
    ]);
}

#[test]
fn plain_and_marginalia() {
    check_all(&[
        ("SELECT 1 /*route=/orders/7,user=9*/", "route=/orders/7 | user=9"),
        ("SELECT 1 /* route=/orders user=9 */", "route=/orders | user=9"),
        (
            "SELECT 1 /* application=My App, job=Nightly Run */",
            "application=My App | job=Nightly Run",
        ),
        (
            "SELECT 1 /*application:Shop,controller:orders,action:index*/",
            "application=Shop | controller=orders | action=index",
        ),
        ("SELECT 1 /*line:/app/a.rb:12:in `x'*/", "line=/app/a.rb:12:in `x'"),
        ("SELECT 1 /*namespaced_controller:Admin::Orders*/", "namespaced_controller=Admin::Orders"),
        ("SELECT 1 /*a:'b',c='d',e=f*/", "a=b | c=d | e=f"),
    ]);
}

#[test]
fn places() {
    check_all(&[
        ("/*a='1'*/ SELECT 1", "a=1"),
        ("SELECT 1 /*a='1'*/;", "a=1"),
        ("SELECT 1; /*a='1'*/", "a=1"),
        ("SELECT 1; /*a='1'*/ SELECT 2", "a=1"),
        ("/*a='1'*/ /*b='2'*/ SELECT 1 /*c='3'*/ /*d='4'*/ ;", "a=1 | b=2 | c=3 | d=4"),
        ("SELECT 1 /*a='1'*/; SELECT 2 /*b='2'*/", "a=1 | b=2"),
        ("SELECT /*a='1'*/ 1 /*b='2'*/", "b=2"),
        ("SELECT /*a='1'*/ /*c='3'*/ 1", ""),
        ("SELECT 1 /*a='1'*/ -- line", "a=1"),
        ("SELECT 1 -- /*a='1'*/", ""),
        ("SELECT '/*a=''1''*/'", ""),
        ("SELECT \"/*a='1'*/\"", ""),
        ("SELECT $$/*a='1'*/$$", ""),
        ("SELECT '/*' /*a='1'*/", "a=1"),
        ("SELECT 1", ""),
        ("", ""),
        ("/*a='1'", "a=1"),
    ]);
}

#[test]
fn what_is_not_a_tag() {
    check_all(&[
        ("/*+ SeqScan(t) */ SELECT 1", ""),
        ("/* just prose, and more */ SELECT 1", ""),
        ("/* prose, a='1', , =, :, b */ SELECT 1", "a=1"),
        ("/**/ SELECT 1 /* */ /*,*/", ""),
        ("/* what? a='1' */ SELECT 1", ""),
        (&format!("/*{}='1',b='2'*/", "k".repeat(65)), "b=2"),
    ]);
}

#[test]
fn frameworks_are_understood() {
    let django = "SELECT 1 /*action='x',app_name='shop',controller='orders.list',\
        db_driver='django.db.backends.postgresql',framework='django%3A5.2',\
        route='orders/%3Cint%3Apk%3E/',\
        traceparent='00-5bd66ef5095369c7b0d1f8f4bd33716a-c532cb4098ac3dd2-01'*/";
    let found = Attribution::from_text(django.as_bytes());
    assert_eq!(found.route.as_deref(), Some("orders/<int:pk>/"));
    assert_eq!(found.application.as_deref(), Some("shop"));
    assert_eq!(found.controller.as_deref(), Some("orders.list"));
    assert_eq!(found.framework.as_deref(), Some("django:5.2"));
    assert_eq!(found.db_driver.as_deref(), Some("django.db.backends.postgresql"));
    assert_eq!(
        found.traceparent.as_deref(),
        Some("00-5bd66ef5095369c7b0d1f8f4bd33716a-c532cb4098ac3dd2-01")
    );
    assert_eq!(found.label().as_deref(), Some("orders/<int:pk>/"));
    assert!(Attribution::from_text(b"SELECT 1 /* todo: all */").is_empty());
}

#[test]
fn labels_prefer_routes() {
    let rows = [
        ("/*route='/a/7'*/", Some("/a/{}")),
        ("/*controller:orders,action:index*/", Some("orders#index")),
        ("/*controller:orders*/", Some("orders")),
        ("/*view='shop.views.list'*/", Some("shop.views.list")),
        ("/*task='shop.tasks.send'*/", Some("shop.tasks.send")),
        ("/*route='a',route='b'*/", Some("a")),
        ("/*route='',path='b'*/", Some("b")),
        ("/*user='7'*/", None),
    ];
    for (sql, expected) in rows {
        assert_eq!(Attribution::from_text(sql.as_bytes()).label().as_deref(), expected, "{sql}");
    }
}

#[test]
fn values_are_bounded_and_printable() {
    let sql = format!("/*route='{}',user='a%0Ab%00'*/", "é".repeat(300));
    let found = Attribution::from_text(sql.as_bytes());
    assert_eq!(found.route.as_ref().map(|route| route.len()), Some(VALUE_LEN_MAX));
    assert_eq!(found.user.as_deref(), Some("ab"));
}

#[test]
fn routes_lose_their_ids() {
    let rows = [
        ("/orders/123/items/4", "/orders/{}/items/{}"),
        ("/orders/7?page=2", "/orders/{}"),
        ("/a/550e8400-e29b-41d4-a716-446655440000/b", "/a/{}/b"),
        ("/a/550e8400-e29b-41d4-a716-44665544000xyz", "/a/{}-e29b-41d4-a716-44665544000xyz"),
        ("/a/550e8400-e29b-41d4-a716-446655440000x", "/a/{}-e29b-41d4-a716-446655440000x"),
        ("^orders/?$", "^orders/?$"),
        ("/a/550E8400E29B41D4A716446655440000", "/a/{}"),
        ("/a/deadbeef1", "/a/{}"),
        ("/a/defaced/feedface", "/a/defaced/feedface"),
        ("/api/v1/users", "/api/v1/users"),
        ("/a/order-12.json", "/a/order-{}.json"),
        ("/a/2024-01-02", "/a/{}-{}-{}"),
        ("/a/Zk3v9QxT8bL0pWnY", "/a/{}"),
        ("orders/<int:pk>/", "orders/<int:pk>/"),
        ("^orders/(?P<pk>[0-9]+)/7/$", "^orders/(?P<pk>[0-9]+)/{}/$"),
        ("/users/{id2}/x/5", "/users/{id2}/x/{}"),
        ("/é1/2", "/é1/{}"),
        ("", ""),
        ("/", "/"),
    ];
    for (route, expected) in rows {
        assert_eq!(templated(route), expected, "{route}");
    }
    assert!(templated(&"/é/1".repeat(100)).len() <= ROUTE_LEN_MAX);
    assert!(templated(&"1/".repeat(200)).len() <= ROUTE_LEN_MAX);
}
