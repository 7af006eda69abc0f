//! The page that is made of a contract: all of it is there, and nothing in it does anything.

#[path = "docs_page/hostile.rs"]
mod hostile;
#[path = "docs_page/html.rs"]
mod html;
#[path = "contract/protocols.rs"]
mod protocols;

use hostile::*;
use html::*;
use http::{Method, Request, header};
use http_body_util::BodyExt;
use protocols::*;
use serde_json::{Value, json};
use socketkit::{Contract, Server, contract};
use std::collections::BTreeMap;
use tower::ServiceExt;

/// All pages, by the names of their protocols.
fn pages() -> Vec<(&'static str, Contract, String)> {
    let hostile = ("hostile", contract::<HostileProtocol>());
    let contracts = all().into_iter().chain([hostile]);
    contracts
        .map(|(name, contract)| {
            let title = if name == "hostile" { TITLE } else { name };
            let page = contract.to_html(title);
            (name, contract, page)
        })
        .collect()
}

#[test]
fn pages_hold_nothing_that_acts_and_nothing_from_elsewhere() {
    let tags = "html head meta title style body header h1 p code ul li a span div nav main section h2 pre \
        article h3 h4 h5 h6 figure figcaption dl dt dd em strong table thead tbody tr th td";
    let attributes = "lang charset name content id class href title tabindex aria-label";
    for (name, _, page) in pages() {
        let pieces = pieces(&page);
        let mut open = Vec::new();
        for piece in &pieces {
            match piece {
                Piece::Tag(tag, with) => {
                    assert!(tags.split_whitespace().any(|known| known == tag), "{name}: {tag}");
                    for (attribute, _) in with {
                        let is_known =
                            attributes.split_whitespace().any(|known| known == attribute);
                        assert!(is_known, "{name}: {tag} {attribute}");
                    }
                    if tag != "meta" {
                        open.push(tag);
                    }
                }
                Piece::End(tag) => assert_eq!(open.pop(), Some(tag), "{name}"),
                Piece::Text(_) => {}
            }
        }
        assert!(open.is_empty(), "{name}: {open:?}");
        for link in values(&pieces, "href") {
            let is_file =
                ["client.js", "client.d.ts", "asyncapi.json", "contract.json"].contains(&link);
            assert!(
                is_file || link.starts_with('#') || link.starts_with("https://example.com"),
                "{name}: {link}"
            );
        }
    }
}

#[test]
fn markup_in_documentation_and_names_is_shown_as_it_was_written() {
    let page = contract::<HostileProtocol>().to_html(TITLE);
    let pieces = pieces(&page);
    let attack = text(article(&pieces, "client.attack"));
    for part in [
        "<script>alert(\"inline\")</script> and <b onclick=\"alert(1)\">bold</b> & more.",
        "<script>\nalert(\"block\")\n</script>",
        "picture of it",
        "</code><script>alert(\"code\")</script>",
    ] {
        assert!(attack.contains(part), "{part}\n{attack}");
    }
    let links = values(article(&pieces, "client.attack"), "href");
    for link in ["https://example.com/?a=1&b=2", "#type.HostileInput"] {
        assert!(links.contains(&link), "{link}: {links:?}");
    }
    let of_type = text(article(&pieces, "type.Hostile"));
    for part in
        ["\"><script>alert('name')</script>", "<img src=", "<script>alert('default')</script>"]
    {
        assert!(of_type.contains(part), "{part}\n{of_type}");
    }
    assert!(text(&pieces).contains(&format!("{TITLE} · protocol")));
}

#[test]
fn documentation_is_shown_as_markdown() {
    let page = contract::<Forum>().to_html("Forum");
    for part in [
        "<p>Publish a message; answered with its id.</p>",
        "<p>Refused with <code>empty</code> where there is nothing in it:</p>",
        "<li>not even <em>one</em> character</li>",
        "<a href=\"https://example.com/rules\">the rules</a>",
        "<a href=\"#type.Message\"><code>Message</code></a>",
    ] {
        assert!(page.contains(part), "{part}");
    }
}

#[test]
fn all_events_and_types_are_listed_and_every_link_leads_to_one() {
    for (name, contract, page) in pages() {
        let pieces = pieces(&page);
        let (mut ids, links) = (values(&pieces, "id"), values(&pieces, "href"));
        for link in links.iter().filter_map(|link| link.strip_prefix('#')) {
            assert!(ids.contains(&link), "{name}: {link}");
        }
        let events = [("client", &contract.client), ("server", &contract.server)];
        let events = events
            .into_iter()
            .flat_map(|(side, events)| events.keys().map(move |name| format!("{side}.{name}")));
        let types = contract.to_typescript();
        // What an event carries stands where the event does.
        let lines = types.lines().zip(types.lines().skip(1));
        let types = lines.filter_map(|(before, line)| {
            let is_of_event = before.starts_with("/** What `") && before.ends_with("` carries. */");
            let line = Some(line).filter(|_| !is_of_event)?.strip_prefix("export ")?;
            let line = line.strip_prefix("interface ").or(line.strip_prefix("type "))?;
            let type_name = line.split(' ').next()?;
            let is_own = ["ClientEvents", "ServerEvents", "Contract"].contains(&type_name);
            (!is_own).then(|| format!("type.{type_name}"))
        });
        for id in events.chain(types) {
            assert!(ids.contains(&&*id), "{name}: {id}");
            assert!(links.contains(&&*format!("#{id}")), "{name}: {id} is not in the contents");
        }
        let count = ids.len();
        ids.sort_unstable();
        ids.dedup();
        assert_eq!(ids.len(), count, "{name}: an id twice");
    }
}

/// Panics if a value is not one of a schema of a contract.
fn valid(contract: &Contract, schema: &Value, value: &Value) {
    let schema = json!({ "allOf": [schema], "read": contract.read, "write": contract.write });
    let validator = jsonschema::draft202012::new(&schema).unwrap();
    let errors: Vec<_> = validator.iter_errors(value).map(|error| error.to_string()).collect();
    assert_eq!(errors, [""; 0], "{value}");
}

#[test]
fn every_event_has_a_frame_as_an_example_and_it_is_valid() {
    let mut count = 0;
    for (name, contract, page) in pages() {
        let pieces = pieces(&page);
        for (side, events) in [("client", &contract.client), ("server", &contract.server)] {
            for (event_name, event) in events {
                let valid = |schema: &Option<Value>, data: &Value| {
                    let nothing = json!({ "type": "null" });
                    valid(&contract, schema.as_ref().unwrap_or(&nothing), data);
                };
                let frames = examples(article(&pieces, &format!("{side}.{event_name}")));
                assert_eq!(frames[0]["event"], **event_name, "{name}");
                valid(&event.payload, &frames[0]["data"]);
                let mut others = frames[1..].iter();
                if event.progress.is_some() {
                    let report = others.next().unwrap();
                    assert_eq!(report["progress"], 1);
                    valid(&event.progress, &report["data"]);
                    assert_eq!(others.next(), Some(&json!({ "cancel": 1 })));
                }
                if event.reply.is_some() {
                    let reply = others.next().unwrap();
                    assert_eq!(reply["reply"], 1);
                    valid(&event.reply, &reply["data"]);
                }
                assert_eq!(frames[0]["id"] == 1, frames.len() > 1, "a call has a number");
                assert_eq!(others.next(), None);
                count += frames.len();
            }
        }
    }
    assert!(count > 60, "{count}");
}

#[test]
fn an_example_is_that_of_its_type_if_it_has_one() {
    let page = contract::<Forum>().to_html("Forum");
    let pieces = pieces(&page);
    let frames = examples(article(&pieces, "server.posted"));
    let data = json!({
        "id": 1, "author": { "name": "Ada", "role": "member" }, "body": "hello, world",
        "tags": ["string"], "answers": 1,
    });
    assert_eq!(frames, [json!({ "event": "posted", "data": data })]);
}

#[test]
fn a_type_without_end_has_an_example_with_one() {
    let page = contract::<Recursive>().to_html("Recursive");
    let pieces = pieces(&page);
    assert_eq!(examples(article(&pieces, "client.lists"))[0]["data"], "End");
    let ask = &examples(article(&pieces, "client.ask"))[0]["data"];
    assert!(ask["children"].is_array() && ask["by_name"].is_object(), "{ask}");
}

#[test]
fn an_example_that_would_be_endless_is_left_out() {
    let page = contract::<Threefold>().to_html("Threefold");
    let pieces = pieces(&page);
    assert!(page.len() < 100_000, "{}", page.len());
    assert_eq!(examples(article(&pieces, "client.large")), [] as [Value; 0]);
    assert_eq!(examples(article(&pieces, "client.small")).len(), 1);
}

#[test]
fn fields_replies_and_policies_are_told() {
    let page = contract::<Forum>().to_html("Forum");
    let pieces = pieces(&page);
    let of = |id: &str| text(article(&pieces, id));
    let submit = of("client.submit");
    for part in [
        "call",
        "max 4 KiB",
        "5/min",
        "Its data is 4 KiB at most; what is longer is refused with too_large.",
        "5 per minute, and 3 at once",
        "answers optionalnumber | null uint64",
        "The message that this one answers.",
        "Replynumber uint64",
    ] {
        assert!(submit.replace('\n', "").contains(part), "{part}\n{submit}");
    }
    assert!(of("client.typing").contains("No data."));
    assert!(of("client.typing").contains("Dropped where its receiver is slow to read."));
    assert!(of("server.cursor").contains("an unsent one of the same user."));
    let message = of("type.Message");
    assert!(message.contains("1 to 2000 characters"), "{message}");
    let role = of("type.Role");
    assert!(role.contains("\"moderator\"") && role.contains("May remove what others"), "{role}");
}

#[test]
fn progress_and_that_a_call_can_be_cancelled_is_told() {
    let page = contract::<Working>().to_html("Working");
    let pieces = pieces(&page);
    for (side, sends, answers, step) in
        [("client", "Client", "Server", "Step"), ("server", "Server", "Client", "StepInput")]
    {
        let of = |event: &str| text(article(&pieces, &format!("{side}.{event}"))).replace('\n', "");
        let import = of("import");
        for part in [
            "call progress",
            "Reports its progress to who calls it, who can cancel it with a cancel frame.",
            &format!("Progress{step}Replynumber"),
            &format!("{sends} sends{{"),
            &format!("{answers} reports{{\"progress\":1,\"data\":{{\"done\":3,\"of\":1}}}}"),
            &format!("{sends} may cancel{{\"cancel\":1}}{answers} answers{{"),
        ] {
            assert!(import.contains(part), "{part}\n{import}");
        }
        assert!(
            of("tidy").contains("call progress"),
            "it has no reply, and is called all the same"
        );
        assert!(!of("quick").contains("cancel"));
    }
}

#[test]
fn who_is_present_is_told_where_the_protocol_tells_it() {
    for (name, contract, page) in pages() {
        let pieces = pieces(&page);
        let Some(presence) = &contract.presence else {
            assert!(!page.contains("resence"), "{name}");
            continue;
        };
        let links = values(&pieces, "href");
        for link in ["#presence", "#server.socketkit:presence"] {
            assert!(links.contains(&link), "{name}: {link}");
        }
        let frames = examples(article(&pieces, "server.socketkit:presence"));
        let [list, change, gone] = frames.as_slice() else { panic!("{name}: {frames:?}") };
        assert_eq!(list["data"]["from"], 0);
        assert!(change["data"].get("from").is_none() && gone["data"].get("from").is_none());
        assert_eq!(
            gone["data"]["members"],
            json!([{ "key": change["data"]["members"][0]["key"] }])
        );
        for frame in &frames {
            assert_eq!(frame["event"], "socketkit:presence");
            valid(&contract, &presence.room, &frame["data"]["room"]);
        }
        for frame in [list, change] {
            valid(&contract, &presence.member, &frame["data"]["members"][0]["member"]);
        }
    }
    let said = |page: &str| text(&pieces(page)).replace('\n', "");
    let meeting = said(&contract::<Meeting>().to_html("Meeting"));
    for part in [
        "socket.presence(\"hall\").subscribe(presence =>",
        "RoomRoom",
        "MemberGuest",
        "to sockets that the server tells of it",
        "Server lists everybody{",
        "Server removes entries{",
        "What is held against the light.",
    ] {
        assert!(meeting.contains(part), "{part}\n{meeting}");
    }
    let counter = said(&contract::<Counter>().to_html("Counter"));
    assert!(counter.contains("socket.presence().subscribe("), "{counter}");
}

#[test]
fn frames_of_calls_and_errors_are_told() {
    let page = contract::<Listening>().to_html("Listening");
    let said = text(&pieces(&page));
    for part in [
        "{\"reply\":1}",
        "\"error\":{\"code\":\"bad_data\"",
        "{\"seen\":64}",
        "{\"progress\":1,\"data\":0.5}",
        "{\"cancel\":1}",
        "too_fast",
        "4409",
        "{\"hello\":{",
    ] {
        assert!(said.contains(part), "{part}");
    }
    assert!(said.contains("Nothing."), "clients send nothing");
}

#[tokio::test]
async fn it_is_served_beside_the_client_and_may_load_nothing() {
    let service = Server::<Forum>::new().fallback(async |_: ForumClient| {}).build();
    let ask = async |method: Method, path: &str| {
        let request = Request::builder().method(method).uri(path).body(()).unwrap();
        let answer = service.clone().oneshot(request).await.unwrap();
        let headers: BTreeMap<_, _> = answer
            .headers()
            .iter()
            .map(|(name, value)| (name.as_str().to_owned(), value.to_str().unwrap().to_owned()))
            .collect();
        (headers, answer.into_body().collect().await.unwrap().to_bytes())
    };
    let (headers, body) = ask(Method::GET, "/ws/docs").await;
    assert_eq!(body, contract::<Forum>().to_html("Forum"));
    assert_eq!(headers["content-type"], "text/html; charset=utf-8");
    assert_eq!(headers["x-content-type-options"], "nosniff");
    let policy = &headers["content-security-policy"];
    assert!(policy.starts_with("default-src 'none'; style-src 'unsafe-inline';"), "{policy}");
    let (of_head, empty) = ask(Method::HEAD, "/ws/docs").await;
    assert!(empty.is_empty());
    assert_eq!((&of_head["content-security-policy"], &of_head["etag"]), (policy, &headers["etag"]));
    let (others, _) = ask(Method::GET, "/ws/client.js").await;
    assert!(!others.contains_key(header::CONTENT_SECURITY_POLICY.as_str()));
}

#[cfg(feature = "browser")]
#[tokio::test]
async fn a_browser_shows_it_and_a_narrow_one_scrolls_it_downwards_alone() -> tests::browser::Result
{
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let addr = listener.local_addr().unwrap();
    let routes = socketkit::Routes::new()
        .at("/forum", Server::<Forum>::new().fallback(async |_: ForumClient| {}).build())
        .at("/shapes", Server::<Shapes>::new().fallback(async |_: ShapesEvents| {}).build())
        .at("/meeting", Server::<Meeting>::new().fallback(async |_: Move| {}).build())
        .at("/working", Server::<Working>::new().fallback(async |_: Work| {}).build())
        .at(
            "/hostile",
            Server::<HostileProtocol>::new().fallback(async |_: HostileEvents| {}).build(),
        );
    tokio::spawn(routes.serve(listener).into_future());
    let browser = tests::browser::Browser::launch().await?;
    let page = browser.window().await?;
    for name in ["forum", "shapes", "working", "meeting", "hostile"] {
        page.goto(&format!("http://{addr}/{name}/docs")).await?;
        for width in [1200, 400, 320] {
            page.viewport(width, 900).await?;
            let wide = "document.documentElement.scrollWidth > innerWidth";
            assert_eq!(page.eval(wide).await?, false, "{name} at {width}");
        }
        let background = "getComputedStyle(document.body).backgroundColor";
        page.dark(false).await?;
        let light = page.eval(background).await?;
        page.dark(true).await?;
        assert_ne!(page.eval(background).await?, light, "its style is there, and has two forms");
        assert_eq!(page.complaints(), [] as [&str; 0], "{name}");
    }
    Ok(())
}
