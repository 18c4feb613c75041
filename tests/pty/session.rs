//! The real binary in a real terminal.

use std::io::{Read, Write};
use std::num::NonZero;
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use portable_pty::{Child, CommandBuilder, MasterPty, PtySize, native_pty_system};

/// Long enough for a loaded machine; a passing test waits only for what it waits for.
const PATIENCE: Duration = Duration::from_secs(20);

/// The explorer in a terminal of its own.
pub(crate) struct Session {
    pub(crate) child: Box<dyn Child + Send + Sync>,
    pub(crate) master: Box<dyn MasterPty + Send>,
    keys: Box<dyn Write + Send>,
    /// Everything that was written, and the screen that it makes.
    pub(crate) seen: Arc<Mutex<(Vec<u8>, vt100::Parser)>>,
}

pub(crate) fn cells(count: u16) -> NonZero<u16> {
    NonZero::new(count).expect("a terminal has cells")
}

impl Session {
    /// Starts a shell command, in which `$BRIMFUL` is the binary.
    pub(crate) fn shell(script: &str, (columns, rows): (u16, u16)) -> Self {
        let size = PtySize { rows, cols: columns, pixel_width: 0, pixel_height: 0 };
        let pair = native_pty_system().openpty(size).expect("a pseudo terminal");
        let mut command = CommandBuilder::new("/bin/sh");
        command.args(["-c", script]);
        command.env("BRIMFUL", env!("CARGO_BIN_EXE_brimful"));
        command.env("TERM", "xterm-256color");
        for of_terminal in ["TMUX", "STY", "COLORFGBG"] {
            command.env_remove(of_terminal);
        }
        command.env("LC_ALL", "C.UTF-8");
        command.env("XDG_CONFIG_HOME", "/nonexistent");
        command.env_remove("NO_COLOR");
        let child = pair.slave.spawn_command(command).expect("a shell");
        drop(pair.slave);
        let mut output = pair.master.try_clone_reader().expect("the terminal's output");
        let seen = Arc::new(Mutex::new((Vec::new(), vt100::Parser::new(cells(rows), cells(columns), 0))));
        let shared = Arc::clone(&seen);
        thread::spawn(move || {
            let mut bytes = [0; 4096];
            while let Ok(count @ 1..) = output.read(&mut bytes) {
                let mut seen = shared.lock().expect("no reader panics");
                seen.0.extend_from_slice(&bytes[..count]);
                seen.1.process(&bytes[..count]);
            }
        });
        let keys = pair.master.take_writer().expect("the terminal's input");
        Self { child, master: pair.master, keys, seen }
    }

    /// The explorer, then what the terminal is like after it.
    pub(crate) fn start() -> Self {
        let session = Self::shell("\"$BRIMFUL\"; echo \"ended $?\"; stty -a; echo done", (100, 30));
        session.wait_for("Parameters");
        session
    }

    pub(crate) fn screen(&self) -> String {
        self.seen.lock().expect("no reader panics").1.screen().contents()
    }

    pub(crate) fn bytes(&self) -> Vec<u8> {
        self.seen.lock().expect("no reader panics").0.clone()
    }

    pub(crate) fn wait_until(&self, what: &str, reached: impl Fn(&Self) -> bool) {
        let start = Instant::now();
        while !reached(self) {
            assert!(start.elapsed() < PATIENCE, "waited in vain for {what}; the screen:\n{}", self.screen());
            thread::sleep(Duration::from_millis(10));
        }
    }

    pub(crate) fn wait_for(&self, text: &str) {
        self.wait_until(text, |session| session.screen().contains(text));
    }

    pub(crate) fn press(&mut self, keys: &str) {
        self.keys.write_all(keys.as_bytes()).expect("the terminal takes keys");
        self.keys.flush().expect("the terminal takes keys");
    }

    /// Sends a signal to the explorer itself, not to the shell around it.
    pub(crate) fn signal(&self, name: &str) {
        let shell = self.child.process_id().expect("the shell runs");
        let children = std::fs::read_to_string(format!("/proc/{shell}/task/{shell}/children")).expect("linux");
        let child = children.split_whitespace().next().expect("the explorer runs");
        let sent = std::process::Command::new("kill").args([&format!("-{name}"), child]).status();
        assert!(sent.expect("kill runs").success());
    }

    /// The terminal is as it was: no alternate screen, cursor shown, paste plain, echo and lines back.
    pub(crate) fn assert_restored(&self, ended: &str) {
        self.wait_for("done");
        let screen = self.screen();
        assert!(screen.contains(ended), "{screen}");
        assert!(screen.contains(" icanon") && screen.contains(" echo ") && !screen.contains("-icanon"), "{screen}");
        assert!(!screen.contains("┌"), "the view is gone: {screen}");
        let seen = self.seen.lock().expect("no reader panics");
        assert!(!seen.1.screen().alternate_screen());
        assert!(!seen.1.screen().hide_cursor());
        assert!(!seen.1.screen().bracketed_paste());
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        let _ = self.child.kill();
    }
}
