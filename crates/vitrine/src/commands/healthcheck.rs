//! `vitrine healthcheck`: asks `/ready`, with nothing but a socket.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context as _, Result, bail};

use super::{print, up::reachable};

/// How long connecting, asking and each part of the answer may take.
const TIMEOUT: Duration = Duration::from_secs(3);

/// The most of an answer that is read, in bytes: reasons are short.
const ANSWER_BYTES_MAX: u64 = 64 * 1024;

/// Succeeds if the server is ready; else the error says what it said.
pub(crate) fn run(listens: SocketAddr) -> Result<ExitCode> {
    let address = reachable(listens);
    let answer = ask(address).with_context(|| format!("nobody answers on {address}"))?;
    let (status, body) = parse(&answer).with_context(|| format!("{address} does not speak HTTP"))?;
    if status != 200 {
        bail!("not ready: {status} {}", body.trim());
    }
    print("ready\n")?;
    Ok(ExitCode::SUCCESS)
}

fn ask(address: SocketAddr) -> std::io::Result<String> {
    let mut stream = TcpStream::connect_timeout(&address, TIMEOUT)?;
    stream.set_read_timeout(Some(TIMEOUT))?;
    stream.set_write_timeout(Some(TIMEOUT))?;
    stream.write_all(
        format!("GET /ready HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n").as_bytes(),
    )?;
    let mut answer = Vec::new();
    stream.take(ANSWER_BYTES_MAX).read_to_end(&mut answer)?;
    Ok(String::from_utf8_lossy(&answer).into_owned())
}

/// The status and the body of an answer.
fn parse(answer: &str) -> Option<(u16, &str)> {
    let (head, body) = answer.split_once("\r\n\r\n")?;
    let rest = head.strip_prefix("HTTP/1.")?;
    Some((rest.split(' ').nth(1)?.parse().ok()?, body))
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]

    use std::net::TcpListener;
    use std::thread;

    use super::*;

    fn against(answer: &'static str) -> Result<ExitCode> {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let server = thread::spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            let mut request = [0; 1024];
            let length = stream.read(&mut request).unwrap();
            stream.write_all(answer.as_bytes()).unwrap();
            String::from_utf8_lossy(&request[..length]).into_owned()
        });
        // Listening everywhere is asked for on the loopback.
        let result = run(SocketAddr::from(([0, 0, 0, 0], address.port())));
        assert!(server.join().unwrap().starts_with("GET /ready HTTP/1.1\r\n"));
        result
    }

    #[test]
    fn only_a_200_is_ready() {
        assert!(against("HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok").is_ok());
        let error = against("HTTP/1.1 503 Service Unavailable\r\n\r\nthe database is away\n").unwrap_err();
        assert_eq!(error.to_string(), "not ready: 503 the database is away");
        assert!(against("SSH-2.0-OpenSSH\r\n").unwrap_err().to_string().contains("does not speak HTTP"));
    }

    #[test]
    fn nobody_there_is_an_error() {
        let address = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        assert!(run(address).unwrap_err().to_string().contains(&address.to_string()));
    }
}
