//! Compiles `proto/` without a system `protoc`, and writes beside each tonic service the object-safe trait that
//! callers hold, whether the service is remote or in the same process.

#[path = "src/redacted/fields.rs"]
mod fields;

use std::error::Error;
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

use prost_build::{Method, Service, ServiceGenerator};
use prost_types::{DescriptorProto, FieldDescriptorProto, FileDescriptorSet};

use fields::FIELDS;

fn main() -> Result<(), Box<dyn Error>> {
    let root = Path::new(&std::env::var("CARGO_MANIFEST_DIR")?).join("../../proto");
    println!("cargo::rerun-if-changed={}", root.display());

    let mut compiler = protox::Compiler::new([&root])?;
    compiler.include_imports(true).include_source_info(true);
    compiler.open_files(proto_files(&root.join("watchbell"))?)?;
    // Nothing imports it: errors carry its messages, which reflection and JSON are to know.
    compiler.open_file("google/rpc/error_details.proto")?;
    let descriptors = compiler.file_descriptor_set();

    let out = PathBuf::from(std::env::var("OUT_DIR")?);
    // Other than the messages in `descriptors`, the bytes have the options that are extensions.
    fs::write(out.join("descriptors.bin"), compiler.encode_file_descriptor_set())?;
    fs::write(out.join("redacted.rs"), redacted_debug(&descriptors)?)?;

    prost_build::Config::new()
        .bytes(["."])
        .enable_type_names()
        .skip_debug(FIELDS.map(|(message, _)| message))
        .extern_path(".google.rpc", "::tonic_types")
        .service_generator(Box::new(WithApiTrait(
            tonic_prost_build::configure().service_generator(),
        )))
        .compile_fds(descriptors)?;
    Ok(())
}

fn proto_files(dir: &Path) -> Result<Vec<PathBuf>, Box<dyn Error>> {
    let mut files = Vec::new();
    for entry in fs::read_dir(dir)? {
        let path = entry?.path();
        if path.is_dir() {
            files.extend(proto_files(&path)?);
        } else if path.extension().is_some_and(|extension| extension == "proto") {
            files.push(path);
        }
    }
    files.sort();
    Ok(files)
}

/// The `Debug` of messages with fields that are not shown.
fn redacted_debug(descriptors: &FileDescriptorSet) -> Result<String, Box<dyn Error>> {
    let mut code = String::new();
    for (name, redacted) in FIELDS {
        let (package, message) = name.rsplit_once('.').unwrap_or_default();
        let files = descriptors.file.iter().filter(|file| file.package() == package);
        let descriptor = files
            .flat_map(|file| &file.message_type)
            .find(|descriptor| descriptor.name() == message)
            .ok_or_else(|| format!("there is no message {name}"))?;
        let path = package.trim_start_matches("watchbell.").replace('.', "::");
        let fields = debug_fields(descriptor, redacted);
        let _ = writeln!(
            code,
            "impl fmt::Debug for crate::{path}::{message} {{ fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {{ \
             f.debug_struct({message:?}){fields}.finish() }} }}"
        );
    }
    Ok(code)
}

fn debug_fields(message: &DescriptorProto, redacted: &[&str]) -> String {
    let mut code = String::new();
    for field in message.field.iter().map(FieldDescriptorProto::name) {
        let value = if redacted.contains(&field) {
            format!("Redacted::of(&self.{field})")
        } else {
            format!("self.{field}")
        };
        let _ = write!(code, ".field({field:?}, &{value})");
    }
    code
}

/// Tonic's generator, followed by the trait of the service.
struct WithApiTrait(Box<dyn ServiceGenerator>);

impl ServiceGenerator for WithApiTrait {
    fn generate(&mut self, service: Service, buf: &mut String) {
        let api = api_trait(&service);
        let mut tonic = String::new();
        let server = format!("pub mod {}_server {{", snake(&service.name));
        self.0.generate(service, &mut tonic);
        // Tonic takes one codec for clients and servers, and only servers may blame the other side for what they read.
        let (client, server) = tonic.split_at(tonic.find(&server).unwrap_or(tonic.len()));
        buf.push_str(client);
        buf.push_str(&server.replace(
            "tonic_prost::ProstCodec::default()",
            "crate::codec::ServerCodec::default()",
        ));
        buf.push_str(&api);
    }

    fn finalize(&mut self, buf: &mut String) {
        self.0.finalize(buf);
    }

    fn finalize_package(&mut self, package: &str, buf: &mut String) {
        self.0.finalize_package(package, buf);
    }
}

fn api_trait(service: &Service) -> String {
    let name = service.name.trim_end_matches("Service");
    let module = snake(&service.name);
    let serve = snake(name);
    let mut declared = String::new();
    let mut called = String::new();
    let mut adapted = String::new();
    for method in &service.methods {
        let (rpc, docs) = (&method.name, docs(method));
        let (request, response) = (
            carried(method.client_streaming, &method.input_type),
            carried(method.server_streaming, &method.output_type),
        );
        let signature = format!(
            "async fn {rpc}(&self, request: ::tonic::Request<{request}>) -> ::std::result::Result<::tonic::Response<{response}>, ::tonic::Status>"
        );
        let _ = writeln!(
            declared,
            "{docs}{signature} {{ let _ = request; Err(::tonic::Status::unimplemented(\"{rpc} is not implemented here\")) }}"
        );
        let to_client = if method.client_streaming {
            "request.map(crate::api::messages)"
        } else {
            "request"
        };
        let from_client = if method.server_streaming {
            ".map(|response| response.map(crate::api::boxed))"
        } else {
            ""
        };
        let _ = writeln!(
            called,
            "{signature} {{ {module}_client::{client}Client::{rpc}(&mut self.clone(), {to_client}).await{from_client} }}",
            client = service.name,
        );
        if method.server_streaming {
            let _ = writeln!(adapted, "type {}Stream = {response};", method.proto_name);
        }
        let incoming = if method.client_streaming {
            format!("::tonic::Streaming<{}>", method.input_type)
        } else {
            method.input_type.clone()
        };
        let to_api = if method.client_streaming {
            "request.map(crate::api::boxed)"
        } else {
            "request"
        };
        let _ = writeln!(
            adapted,
            "async fn {rpc}(&self, request: ::tonic::Request<{incoming}>) -> ::std::result::Result<::tonic::Response<{response}>, ::tonic::Status> {{ self.0.{rpc}({to_api}).await }}"
        );
    }
    format!(
        r#"
/// What a caller of {full} holds: the service itself, or a client of it. A fake implements what its test needs; that
/// services implement every RPC is checked by the tests that call them all.
#[::async_trait::async_trait]
pub trait {name}Api: Send + Sync + 'static {{
{declared}
}}

#[::async_trait::async_trait]
impl<T> {name}Api for {module}_client::{service_name}Client<T>
where
    T: ::tonic::client::GrpcService<::tonic::body::Body> + Clone + Send + Sync + 'static,
    T::Error: Into<crate::api::BoxError>,
    T::Future: Send,
    T::ResponseBody: ::tonic::codegen::Body<Data = ::tonic::codegen::Bytes> + Send + 'static,
    <T::ResponseBody as ::tonic::codegen::Body>::Error: Into<crate::api::BoxError> + Send,
{{
{called}
}}

/// Serves any [`{name}Api`] over gRPC.
pub struct {name}Server(::std::sync::Arc<dyn {name}Api>);

/// The tonic server of a [`{name}Api`], with the message size limit of every service.
pub fn serve_{serve}(api: ::std::sync::Arc<dyn {name}Api>) -> {module}_server::{service_name}Server<{name}Server> {{
    {module}_server::{service_name}Server::new({name}Server(api)).max_decoding_message_size(crate::api::MAX_MESSAGE_BYTES)
}}

#[::async_trait::async_trait]
impl {module}_server::{service_name} for {name}Server {{
{adapted}
}}
"#,
        full = service.proto_name,
        service_name = service.name,
    )
}

fn carried(streaming: bool, message: &str) -> String {
    if streaming {
        format!("crate::api::BoxStream<{message}>")
    } else {
        message.to_owned()
    }
}

fn docs(method: &Method) -> String {
    method
        .comments
        .leading
        .iter()
        .flat_map(|block| block.lines())
        .fold(String::new(), |mut docs, line| {
            let _ = writeln!(docs, "/// {}", line.trim());
            docs
        })
}

fn snake(name: &str) -> String {
    name.chars()
        .enumerate()
        .fold(String::new(), |mut snake, (index, character)| {
            if character.is_ascii_uppercase() && index > 0 {
                snake.push('_');
            }
            snake.push(character.to_ascii_lowercase());
            snake
        })
}
