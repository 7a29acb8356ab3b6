//! The documentation holds together: links lead somewhere, every page is in the list of pages, and what releases a version
//! can be read.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Component, Path, PathBuf};

use regex::Regex;

const ROOT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../..");

/// The pages outside `docs/`.
const OTHERS: [&str; 5] = [
    "README.md",
    "ARCHITECTURE.md",
    "CONTRIBUTING.md",
    "CHANGELOG.md",
    "deploy/README.md",
];

fn root() -> PathBuf {
    Path::new(ROOT).canonicalize().unwrap()
}

/// Every page, by its path from the top.
fn pages() -> BTreeSet<PathBuf> {
    let mut pages: BTreeSet<PathBuf> = OTHERS.iter().map(PathBuf::from).collect();
    let mut directories = vec![PathBuf::from("docs")];
    while let Some(directory) = directories.pop() {
        for entry in fs::read_dir(root().join(&directory)).unwrap() {
            let path = directory.join(entry.unwrap().file_name());
            match path.extension() {
                None => directories.push(path),
                Some(kind) if kind == "md" => drop(pages.insert(path)),
                Some(_) => {}
            }
        }
    }
    pages
}

/// What is said between blocks and spans of code.
fn prose(page: &str) -> String {
    let mut in_code = false;
    let lines = page.lines().filter(|line| {
        let fence = line.trim_start().starts_with("```");
        in_code ^= fence;
        !fence && !in_code
    });
    let lines: Vec<_> = lines.collect();
    Regex::new("`[^`]*`")
        .unwrap()
        .replace_all(&lines.join("\n"), "")
        .into_owned()
}

/// The anchors of a page's headings, as GitHub and mdBook make them.
fn anchors(page: &str) -> BTreeSet<String> {
    let mut in_code = false;
    let headings = page.lines().filter(|line| {
        in_code ^= line.starts_with("```");
        !in_code && line.starts_with('#')
    });
    let anchor = |heading: &str| {
        let text = heading.trim_start_matches('#').trim().to_lowercase();
        let kept = text
            .chars()
            .filter(|c| c.is_alphanumeric() || matches!(c, ' ' | '-' | '_'));
        kept.map(|c| if c == ' ' { '-' } else { c }).collect()
    };
    headings.map(anchor).collect()
}

/// Where a link of a page leads, without `..`.
fn target(page: &Path, link: &str) -> PathBuf {
    let mut path = page.parent().unwrap().to_owned();
    for part in Path::new(link).components() {
        match part {
            Component::ParentDir => drop(path.pop()),
            part => path.push(part),
        }
    }
    path
}

fn links(page: &Path) -> Vec<String> {
    let text = fs::read_to_string(root().join(page)).unwrap();
    let link = Regex::new(r"\]\(([^)\s]+)\)").unwrap();
    let links = link
        .captures_iter(&prose(&text))
        .map(|found| found[1].to_owned())
        .collect::<Vec<_>>();
    links
        .into_iter()
        .filter(|link| !link.contains("://") && !link.starts_with("mailto:"))
        .collect()
}

#[test]
fn every_link_of_every_page_leads_somewhere() {
    let mut dead = Vec::new();
    for page in pages() {
        for link in links(&page) {
            let (path, anchor) = link.split_once('#').unwrap_or((&link, ""));
            let led = if path.is_empty() {
                page.clone()
            } else {
                target(&page, path)
            };
            let there = root().join(&led);
            let found = match anchor {
                "" => there.exists(),
                anchor => fs::read_to_string(&there).is_ok_and(|text| anchors(&text).contains(anchor)),
            };
            if !found {
                dead.push(format!("{}: {link}", page.display()));
            }
        }
    }
    assert!(dead.is_empty(), "links lead nowhere:\n{}", dead.join("\n"));
}

#[test]
fn the_list_of_pages_has_every_page() {
    let list = Path::new("docs/SUMMARY.md");
    let listed: Vec<_> = links(list).iter().map(|link| target(list, link)).collect();
    let once: BTreeSet<_> = listed.iter().cloned().collect();
    assert_eq!(listed.len(), once.len(), "a page is listed twice");
    let mut all = pages();
    all.remove(list);
    assert_eq!(once, all);
}

#[test]
fn a_release_is_made_by_a_workflow_that_can_be_read() {
    let text = fs::read_to_string(root().join(".github/workflows/release.yml")).unwrap();
    let workflow: serde_json::Value = serde_saphyr::from_str(&text).unwrap();
    let targets: BTreeSet<_> = workflow["jobs"]["build"]["strategy"]["matrix"]["include"]
        .as_array()
        .unwrap()
        .iter()
        .map(|entry| entry["target"].as_str().unwrap())
        .collect();
    assert_eq!(
        targets,
        BTreeSet::from(["aarch64-unknown-linux-musl", "x86_64-unknown-linux-musl"])
    );
    let ours = Regex::new(r"\.ci/[a-z-]+").unwrap();
    for (name, job) in workflow["jobs"].as_object().unwrap() {
        assert!(job["runs-on"].is_string(), "{name}");
        for step in job["steps"].as_array().unwrap() {
            assert!(
                step["uses"].is_string() || step["run"].is_string(),
                "{name}: {step}"
            );
            for script in ours.find_iter(step["run"].as_str().unwrap_or_default()) {
                assert!(root().join(script.as_str()).exists(), "{}", script.as_str());
            }
        }
    }
}
