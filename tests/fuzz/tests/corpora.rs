//! Replays the corpora: what has once broken a promise, and what attacks are made of.

#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::fs;
use std::path::Path;

use watchbell_fuzz::{TARGETS, on_small_stack, run};

#[test]
fn every_input_of_the_corpora_keeps_its_targets_promises() {
    let corpora = Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus");
    for target in TARGETS {
        let folder = corpora.join(target.name);
        let inputs = fs::read_dir(&folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
        for input in inputs {
            let path = input.unwrap().path();
            println!("{}", path.display());
            let input = fs::read(&path).unwrap();
            on_small_stack(move || run(target, &input));
        }
    }
}

#[test]
fn every_corpus_has_a_target() {
    let corpora = Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus");
    for folder in fs::read_dir(corpora).unwrap() {
        let name = folder.unwrap().file_name();
        assert!(TARGETS.iter().any(|target| name == target.name), "{name:?}");
    }
}
