//! Runs the scripted model server until it is interrupted: `cargo run -p callboard-testkit
//! --example model_server [PORT]`.

use callboard_testkit::model_server::{Config, ModelServer};

#[expect(clippy::print_stdout, reason = "a person reads it")]
fn main() -> anyhow::Result<()> {
    let port = std::env::args().nth(1).map_or(Ok(0), |port| port.parse())?;
    let server = ModelServer::start_with(Config { port, ..Config::default() })?;
    println!("ANTHROPIC_BASE_URL={} ANTHROPIC_API_KEY=sk-ant-scripted", server.url());
    Ok(server.wait()?)
}
