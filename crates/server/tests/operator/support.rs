use std::io::{BufRead, BufReader, Read, Write};
use std::path::Path;
use std::process::{Child, ChildStderr, ChildStdout, Command, Output, Stdio};

/// A call of the binary that no variable of the machine can disturb.
pub(crate) fn godwit(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_godwit"));
    command.args(arguments).env_clear().stdin(Stdio::null());
    command
}

/// Runs a call to its end.
pub(crate) fn output(arguments: &[&str]) -> Output {
    godwit(arguments).output().unwrap()
}

/// Runs a call to its end with a text on standard input.
pub(crate) fn output_of(arguments: &[&str], input: &str) -> Output {
    let mut child = godwit(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut stdin = child.stdin.take().unwrap();
    stdin.write_all(input.as_bytes()).unwrap();
    drop(stdin);
    child.wait_with_output().unwrap()
}

pub(crate) fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

/// A server that runs. It is ended with the value.
pub(crate) struct Server {
    child: Child,
    stdout: Option<BufReader<ChildStdout>>,
    stderr: BufReader<ChildStderr>,
}

impl Server {
    /// Starts one on a free port.
    pub(crate) fn start(data_dir: &Path, more: &[&str]) -> Self {
        Self::start_on("127.0.0.1:0", data_dir, more)
    }

    /// Starts one on an address.
    pub(crate) fn start_on(listen: &str, data_dir: &Path, more: &[&str]) -> Self {
        let data_dir = data_dir.to_str().unwrap();
        let mut arguments = vec!["serve", "--listen", listen, "--data-dir", data_dir];
        arguments.extend(more);
        let mut child = godwit(&arguments)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let stdout = child.stdout.take().map(BufReader::new);
        let stderr = BufReader::new(child.stderr.take().unwrap());
        Self {
            child,
            stdout,
            stderr,
        }
    }

    /// The first line on standard output.
    pub(crate) fn ready(&mut self) -> String {
        let mut line = String::new();
        self.stdout.as_mut().unwrap().read_line(&mut line).unwrap();
        line.trim_end().to_owned()
    }

    /// Reads standard error until a line holds a text, and returns that line.
    pub(crate) fn stderr_line(&mut self, wanted: &str) -> String {
        let mut all = String::new();
        loop {
            let start = all.len();
            let read = self.stderr.read_line(&mut all).unwrap();
            assert!(read > 0, "standard error ended without {wanted:?}: {all}");
            if all[start..].contains(wanted) {
                return all[start..].trim_end().to_owned();
            }
        }
    }

    /// Sends a signal and waits for the end: exit code, the rest of standard output and of standard error.
    pub(crate) fn end(mut self, signal: &str) -> (Option<i32>, String, String) {
        let id = self.child.id().to_string();
        let sent = Command::new("kill").args(["-s", signal, &id]).status();
        assert!(sent.unwrap().success());
        let (mut stdout, mut stderr) = (String::new(), String::new());
        if let Some(out) = &mut self.stdout {
            out.read_to_string(&mut stdout).unwrap();
        }
        self.stderr.read_to_string(&mut stderr).unwrap();
        (self.child.wait().unwrap().code(), stdout, stderr)
    }

    /// Closes the reading end of standard output.
    pub(crate) fn close_stdout(&mut self) {
        self.stdout = None;
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
