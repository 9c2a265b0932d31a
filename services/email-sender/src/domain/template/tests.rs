use std::sync::Arc;

use chappe_query::{Attributes, Value};
use serde_json::json;

use super::*;
use crate::domain::resource::TemplateSpec;

fn context() -> Arc<Context> {
    let text = |text: &str| Value::String(text.to_owned());
    let item = |name: &str| Attributes::from([("name".to_owned(), text(name))]);
    let attributes = Attributes::from([
        ("$email_address".to_owned(), text("jane@example.com")),
        ("$language".to_owned(), text("fr")),
        ("firstname".to_owned(), text("JANE")),
        ("html".to_owned(), text("<Ann>")),
        ("current_level".to_owned(), Value::Integer(6)),
        ("age".to_owned(), Value::Integer(18)),
        ("ratio".to_owned(), Value::Float(5.0)),
        ("since".to_owned(), Value::Date(1_735_718_400_000_000)),
        ("tags".to_owned(), Value::Array(vec!["a".to_owned(), "b".to_owned()])),
        (
            "exams".to_owned(),
            Value::Array(vec![
                "2017-10-09T14:53:54Z".to_owned(),
                "2017-10-11T16:53:54Z".to_owned(),
            ]),
        ),
    ]);
    let event = Attributes::from([
        (
            "delivery_address".to_owned(),
            Value::Object(Attributes::from([("city".to_owned(), text("Paris"))])),
        ),
        (
            "items_list".to_owned(),
            Value::Objects(vec![item("Basic Tee"), item("Socks")]),
        ),
        ("$label".to_owned(), text("big")),
    ]);
    Arc::new(Context {
        attributes,
        custom_id: "u1".to_owned(),
        event_name: "validated_purchase".to_owned(),
        event,
        unsubscribe_url: "https://t.example/u/x".to_owned(),
    })
}

fn compile(spec: &serde_json::Value) -> Compiled {
    Compiled::new(&TemplateSpec::parse(spec.as_object().unwrap()).unwrap()).unwrap()
}

fn text(template: &str) -> String {
    let compiled = compile(&json!({"subject": "x", "text": template}));
    compiled.render(&context()).unwrap().text.unwrap()
}

fn html(template: &str) -> String {
    let compiled = compile(&json!({"subject": "x", "html": template}));
    compiled.render(&context()).unwrap().html.unwrap()
}

fn fault(template: &str) -> String {
    translate::translate(template, false).unwrap_err().describe(template)
}

#[test]
fn the_vectors_of_the_contract_hold() {
    for (template, expected) in [
        ("{{ -13|abs }}", "13"),
        ("{{ 3 + 10 * 20 }}", "203"),
        ("{{ t.exams|last|date|formatDate('yyyy-MM-dd') }}", "2017-10-11"),
        (
            "{{ since|formatDate(pattern: \"H 'Uhr'\", timezone: 'Europe/Paris') }}",
            "9 Uhr",
        ),
        ("Level {{ c.current_level }}.", "Level 6."),
        ("[{{ nope }}]", "[]"),
        ("{{ nope|default('friend') }}", "friend"),
        ("{{ event.delivery_address.city }}", "Paris"),
        ("{{ firstname|lower|capitalize|append('!') }}", "Jane!"),
        ("{{ 'jane DOE'|title }}", "Jane Doe"),
        ("{{ 2.5|round }} {{ -2.5|round }} {{ 2.346|round(2) }}", "3 -3 2.35"),
        ("{{ ut.tags|join(separator=' / ') }}", "a / b"),
        ("{% if ut.tags|contains('b') %}yes{% else %}no{% endif %}", "yes"),
        (
            "{% for $p in event.items_list %}{{ $p.name }};{% endfor %}",
            "Basic Tee;Socks;",
        ),
        ("{% set $n = 2 %}{{ $n * 3 }}", "6"),
    ] {
        assert_eq!(text(template), expected, "{template}");
    }
}

#[test]
fn html_is_escaped_and_its_tags_may_hold_entities() {
    assert_eq!(html("{% if age &gt;= 18 %}ok{% endif %}"), "ok");
    assert_eq!(html("{{ c.html }} {{ c.html|raw }}"), "&lt;Ann&gt; <Ann>");
    assert_eq!(html("{{ &quot;a&quot;|upper }}"), "A");
    assert_eq!(text("{{ c.html }}"), "<Ann>");
}

#[test]
fn references_reach_natives_events_and_the_message() {
    assert_eq!(
        text("{{ $email_address }} {{ custom_id }} {{ FirstName }}"),
        "jane@example.com u1 JANE"
    );
    assert_eq!(text("{{ event.name }} {{ e.label }}"), "validated_purchase big");
    assert_eq!(
        text("{{ $unsubscribe_url }} {{ unsubscribe_url }}"),
        "https://t.example/u/x https://t.example/u/x"
    );
    assert_eq!(
        text("{{ event.items_list[1].name }}{{ event.items_list[9].name }}"),
        "Socks"
    );
    assert_eq!(text("{{ $nope }}{{ nope.member.of }}"), "");
}

#[test]
fn a_loop_knows_where_it_is_and_ends_with_any_end() {
    let template =
        "{% for p in event.items_list %}{{ $loop.index }}{{ p.name }}{% if not loop.last %}, {% end %}{% end %}";
    assert_eq!(text(template), "1Basic Tee, 2Socks");
    assert_eq!(text("{% for $x in nope %}x{% else %}none{% endfor %}"), "none");
}

#[test]
fn every_spelling_of_a_second_condition_works() {
    for word in ["elseif", "elif", "else if"] {
        let template = format!("{{% if age < 18 %}}a{{% {word} age == 18 %}}b{{% else %}}c{{% endif %}}");
        assert_eq!(text(&template), "b", "{word}");
    }
}

#[test]
fn missing_values_compare_false_and_calculate_to_missing() {
    assert_eq!(text("{% if nope < 5 or nope > 5 or nope == 5 %}x{% endif %}"), "");
    assert_eq!(
        text("{% if nope != 5 and nope == null and not (age == null) %}x{% endif %}"),
        "x"
    );
    assert_eq!(text("[{{ nope + 1 }}{{ nope|upper }}{{ -nope }}]"), "[]");
}

#[test]
fn values_print_as_people_write_them() {
    assert_eq!(text("{{ ratio }} {{ 7 / 2 }} {{ 6 / 2 }} {{ true }}"), "5 3.5 3 true");
    assert_eq!(text("{{ tags }} {{ event.delivery_address }}"), "a, b ");
    assert_eq!(text("{{ since }}"), "2025-01-01T08:00:00Z");
}

#[test]
fn a_subject_is_one_line_and_not_blank() {
    let compiled = compile(&json!({"subject": "Hi\r\nBcc: x {{ firstname }}\u{0}", "text": "x"}));
    assert_eq!(compiled.render(&context()).unwrap().subject, "HiBcc: x JANE");
    let compiled = compile(&json!({"subject": "{{ nope }}", "text": "x"}));
    assert!(matches!(compiled.render(&context()), Err(RenderError::BlankSubject)));
}

#[test]
fn the_persons_language_is_taken_where_the_template_has_it() {
    let compiled = compile(&json!({"subject": "Hi", "text": "Hello", "languages": {"fr": {"subject": "Salut"}}}));
    let rendered = compiled.render(&context()).unwrap();
    assert_eq!(
        (rendered.subject.as_str(), rendered.text.as_deref()),
        ("Salut", Some("Hello"))
    );
}

#[test]
fn faults_say_where_and_what() {
    for (template, expected) in [
        ("a\n {{ x", "line 2, column 2: this tag is not closed"),
        ("{{ 'x }}", "line 1, column 4: this text is not closed"),
        ("{{ a | }}", "line 1, column 8: the name of a filter is missing"),
        ("{% endif %}", "line 1, column 4: endif closes nothing"),
        ("{% for $x in y %}{% endif %}", "line 1, column 21: endfor is expected"),
        ("{% include 'x' %}", "line 1, column 4: there is no tag include"),
        (
            "{% set $email_address = 1 %}",
            "line 1, column 8: $email_address is taken",
        ),
        ("{{ a == b == c }}", "line 1, column 11: comparisons do not chain"),
        (
            "{{ catalog('x', 1).y }}",
            "line 1, column 4: catalog(…) is not in this version",
        ),
        ("{# x", "line 1, column 1: this comment is not closed"),
        ("{{ a b }}", "line 1, column 6: b is not expected here"),
    ] {
        let told = fault(template);
        assert!(told.starts_with(expected), "{template}: {told}");
    }
}

#[test]
fn a_template_cannot_run_for_ever_or_fill_the_memory() {
    let rows = "{% for $a in tags %}".repeat(20) + "x" + &"{% endfor %}".repeat(20);
    let compiled = compile(&json!({"subject": "x", "text": rows}));
    assert!(matches!(compiled.render(&context()), Err(RenderError::Failed { .. })));
    let large = format!(
        "{{% for $a in tags %}}{{% for $b in tags %}}{{% for $c in tags %}}{}{{% end %}}{{% end %}}{{% end %}}",
        "x".repeat(400_000)
    );
    let compiled = compile(&json!({"subject": "x", "text": large}));
    assert!(matches!(compiled.render(&context()), Err(RenderError::Failed { .. })));
}

mod properties {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn no_template_makes_it_panic_and_what_compiles_renders_or_fails(source in "[{}%#$a|('\\. <+=&;\n-]{0,40}") {
            if translate::translate(&source, true).is_ok() {
                let compiled = compile(&json!({"subject": "x", "html": source}));
                compiled.render(&context()).ok();
            }
        }

        #[test]
        fn text_without_tags_is_printed_as_it_is(source in "[a-z<>&é \n]{1,60}") {
            prop_assert_eq!(html(&source), source);
        }
    }
}
