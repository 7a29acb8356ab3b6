//! Packs `dist/` into the crate: every file compressed, under one hash of them all. The page names its
//! scripts and styles by that hash, so that browsers may keep them for good.

use std::error::Error;
use std::fmt::Write as _;
use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};

use flate2::Compression;
use flate2::write::GzEncoder;
use sha2::{Digest as _, Sha256};

/// How many hexadecimal digits of the hash are in addresses.
const DIGITS: usize = 16;

/// What is about the build and not for browsers.
const NOT_SERVED: &str = "SOURCE";

fn main() -> Result<(), Box<dyn Error>> {
    let dist = Path::new(&std::env::var("CARGO_MANIFEST_DIR")?).join("dist");
    println!("cargo::rerun-if-changed={}", dist.display());
    let out = PathBuf::from(std::env::var("OUT_DIR")?);

    let mut files = Vec::new();
    collect(&dist, &dist, &mut files)?;
    files.sort();
    let mut whole = Sha256::new();
    for (name, bytes) in &files {
        whole.update(name.as_bytes());
        whole.update([0]);
        whole.update(Sha256::digest(bytes));
    }
    let build = hex(&whole.finalize(), DIGITS);

    let mut code =
        format!("pub(crate) const BUILD: &str = \"{build}\";\npub(crate) static ASSETS: &[Asset] = &[\n");
    for (index, (name, bytes)) in files.iter().enumerate() {
        let bytes = if name == "index.html" {
            at_its_address(bytes, &build)?
        } else {
            bytes.clone()
        };
        let tag = hex(&Sha256::digest(&bytes), DIGITS);
        let gzip = out.join(format!("{index}.gz"));
        fs::write(&gzip, compressed(&bytes)?)?;
        writeln!(
            code,
            "    Asset {{ path: {name:?}, etag: \"\\\"{tag}\\\"\", gzip: include_bytes!({gzip:?}) }},",
        )?;
    }
    code.push_str("];\n");
    fs::write(out.join("assets.rs"), code)?;
    Ok(())
}

fn collect(root: &Path, dir: &Path, files: &mut Vec<(String, Vec<u8>)>) -> Result<(), Box<dyn Error>> {
    for entry in fs::read_dir(dir)? {
        let path = entry?.path();
        if path.is_dir() {
            collect(root, &path, files)?;
            continue;
        }
        let name = path
            .strip_prefix(root)?
            .to_str()
            .ok_or("a file's name is not UTF-8")?;
        if name != NOT_SERVED {
            files.push((name.to_owned(), fs::read(&path)?));
        }
    }
    Ok(())
}

/// The page is served at any depth, so that its addresses have to be whole.
fn at_its_address(page: &[u8], build: &str) -> Result<Vec<u8>, Box<dyn Error>> {
    let page = std::str::from_utf8(page)?.replace("\"./", &format!("\"/console/{build}/"));
    Ok(page.into_bytes())
}

fn compressed(bytes: &[u8]) -> std::io::Result<Vec<u8>> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(bytes)?;
    encoder.finish()
}

fn hex(bytes: &[u8], digits: usize) -> String {
    let mut text: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    text.truncate(digits);
    text
}
