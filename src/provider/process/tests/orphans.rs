//! `kill -9` of the gateway leaves no child: three generations of this test's own binary, each of which holds a
//! connection to the test. The kernel closes it when its process is gone.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::process::Command;
use std::time::Duration;

use tokio::io::{AsyncBufReadExt, AsyncReadExt, BufReader};
use tokio::net::TcpListener;
use tokio::time::timeout;

use super::*;

const ROLE: &str = "WAKEGATE_TEST_ROLE";
const REPORT_TO: &str = "WAKEGATE_TEST_REPORT_TO";

/// This test, to be run in another process.
fn again(role: &str, report_to: &str) -> Command {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["--exact", "provider::process::tests::orphans::in_a_role", "--ignored"]);
    command.env(ROLE, role).env(REPORT_TO, report_to);
    command
}

#[test]
#[ignore = "what the other processes of kill_9_of_the_gateway_leaves_no_child run"]
fn in_a_role() {
    let role = std::env::var(ROLE).unwrap();
    let report_to = std::env::var(REPORT_TO).unwrap();
    match role.as_str() {
        "gateway" => {
            let mut web = Spec { name: "web".into(), ..sh("") };
            set(&mut web, |process| {
                let child = again("child", &report_to);
                let words = std::iter::once(child.get_program()).chain(child.get_args());
                process.command = words.map(|word| word.to_str().unwrap().to_owned()).collect();
                process.env = [(ROLE, "child"), (REPORT_TO, report_to.as_str())]
                    .map(|(name, value)| (name.to_owned(), value.to_owned()))
                    .into();
            });
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            let process = Process::new(Clock::start(), Nudge::channel().0);
            runtime.block_on(async {
                process.scale(&Arc::new(web), 2).await.unwrap();
                std::future::pending::<()>().await;
            });
        }
        "child" => {
            let grandchild = again("grandchild", &report_to).spawn().unwrap();
            stay(&role, &report_to);
            drop(grandchild);
        }
        _ => stay(&role, &report_to),
    }
}

/// Reports, and stays until the test hangs up.
fn stay(role: &str, report_to: &str) {
    let mut test = TcpStream::connect(report_to).unwrap();
    writeln!(test, "{role}").unwrap();
    test.read_to_end(&mut Vec::new()).unwrap();
}

#[tokio::test]
async fn kill_9_of_the_gateway_leaves_no_child() {
    let listener = TcpListener::bind(crate::net::ANY_LOOPBACK).await.unwrap();
    let mut command = again("gateway", &listener.local_addr().unwrap().to_string());
    command.stdout(std::process::Stdio::null());
    let mut gateway = tokio::process::Command::from(command).kill_on_drop(true).spawn().unwrap();

    let mut children = Vec::new();
    let mut roles = Vec::new();
    for _ in 0..4 {
        let (stream, _) = timeout(LIMIT, listener.accept()).await.expect("nobody reported").unwrap();
        let mut stream = BufReader::new(stream);
        let mut role = String::new();
        stream.read_line(&mut role).await.unwrap();
        roles.push(role);
        children.push(stream);
    }
    roles.sort();
    assert_eq!(roles, ["child\n", "child\n", "grandchild\n", "grandchild\n"]);

    gateway.kill().await.unwrap();
    for mut child in children {
        // The end of the connection, in whatever form: a reset says as much.
        let end = timeout(Duration::from_secs(30), child.read_u8()).await;
        end.expect("it outlived the gateway").unwrap_err();
    }
}
