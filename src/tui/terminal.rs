//! The terminal: entered once, left on every way out, written to once a frame.

use std::fs::File;
use std::io::{self, IsTerminal, Write};
use std::os::fd::AsFd;
use std::sync::atomic::{AtomicBool, Ordering};

use crossterm::clipboard::CopyToClipboard;
use crossterm::cursor::{Hide, Show};
use crossterm::event::{DisableBracketedPaste, EnableBracketedPaste};
use crossterm::style::ResetColor;
use crossterm::terminal::{self, EndSynchronizedUpdate, EnterAlternateScreen, LeaveAlternateScreen};
use crossterm::{Command, execute, queue};
use ratatui::buffer::{Buffer, Cell};
use ratatui::layout::{Position, Rect, Size};

use super::app::Multiplexer;
use super::marks::Marks;
use super::spot::Sheet;
use super::wire::{BLANK, Wire};

/// Begins and ends a frame that the terminal shows in one piece.
const BEGIN: &[u8] = b"\x1b[?2026h";
const END: &[u8] = b"\x1b[?2026l";

/// Asks for the mouse's buttons and wheel, in numbers that reach any cell; not for its every move.
const MOUSE: &[u8] = b"\x1b[?1000h\x1b[?1006h";
const NO_MOUSE: &[u8] = b"\x1b[?1006l\x1b[?1000l";

/// Whether the mouse is asked for.
static WITH_MOUSE: AtomicBool = AtomicBool::new(false);

/// Whether frames go to the terminal by its own name, since standard output leads elsewhere.
static APART: AtomicBool = AtomicBool::new(false);

/// Whether the terminal is ours now, so that it is left exactly once.
static ENTERED: AtomicBool = AtomicBool::new(false);

/// A screen that sends each frame in one bracketed write.
pub(crate) struct Screen<W: Write> {
    wire: Wire,
    next: Buffer,
    /// What was drawn on last.
    drawn: Marks,
    out: W,
}

impl<W: Write> Screen<W> {
    /// A screen on a writer. It asks the terminal for its size, where none is given.
    pub(crate) fn new(out: W, size: Option<Size>) -> io::Result<Self> {
        let wire = Wire::new(size);
        let next = Buffer::empty(Rect::from((Position::ORIGIN, wire.size()?)));
        Ok(Self { wire, next, drawn: Marks::default(), out })
    }

    /// Draws a frame: what changed since the last one, in one write; nothing where nothing changed.
    pub(crate) fn draw(&mut self, render: impl FnOnce(&mut Sheet)) -> io::Result<()> {
        let area = Rect::from((Position::ORIGIN, self.wire.size()?));
        if area == self.next.area {
            clear(&mut self.next, &self.drawn);
        } else {
            self.next.resize(area);
            self.next.reset();
            self.drawn = Marks::default();
            self.wire.blank();
        }
        let mut sheet = Sheet::new(&mut self.next);
        render(&mut sheet);
        let (cursor, drawn) = (sheet.cursor(), sheet.into_marks());
        let mut either = drawn.clone();
        either.join(&std::mem::replace(&mut self.drawn, drawn));
        self.wire.show(&self.next, &either, cursor);
        let bytes = self.wire.take();
        if bytes.is_empty() {
            return Ok(());
        }
        let mut frame = Vec::with_capacity(BEGIN.len() + bytes.len() + END.len());
        frame.extend_from_slice(BEGIN);
        frame.extend_from_slice(&bytes);
        frame.extend_from_slice(END);
        self.send(&frame)
    }

    /// Sends bytes that draw nothing.
    fn send(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.out.write_all(bytes)?;
        self.out.flush()
    }

    /// Makes the next frame draw every cell, without asking the terminal anything.
    pub(crate) fn forget(&mut self) {
        self.wire.blank();
    }

    /// Draws the next frame on another size.
    #[cfg(test)]
    pub(crate) fn resize(&mut self, size: Size) {
        self.wire.resize(size);
    }
}

/// Makes cells blank.
fn clear(cells: &mut Buffer, marked: &Marks) {
    let columns = usize::from(cells.area.width).max(1);
    for (cells, runs) in cells.content.chunks_exact_mut(columns).zip(marked.rows()) {
        for run in runs {
            cells[usize::from(run.start)..usize::from(run.end)].iter_mut().for_each(Cell::reset);
        }
    }
}

/// The terminal while it is ours. Dropping it gives the terminal back.
pub(crate) struct Session {
    screen: Screen<File>,
}

impl Session {
    /// Enters the alternate screen in raw mode, with the mouse or without, and makes sure that a panic leaves it.
    pub(crate) fn enter(mouse: bool) -> io::Result<Self> {
        hook_panics();
        WITH_MOUSE.store(mouse, Ordering::SeqCst);
        APART.store(!io::stdout().is_terminal(), Ordering::SeqCst);
        enter()?;
        let screen = output().and_then(|out| Screen::new(out, None));
        match screen {
            Ok(screen) => Ok(Self { screen }),
            Err(error) => {
                leave();
                Err(error)
            }
        }
    }

    /// Draws a frame.
    pub(crate) fn draw(&mut self, render: impl FnOnce(&mut Sheet)) -> io::Result<()> {
        self.screen.draw(render)
    }

    /// Makes the next frame draw every cell.
    pub(crate) fn forget(&mut self) {
        self.screen.forget();
    }

    /// Sends a text to the terminal's clipboard, which answers nothing.
    ///
    /// What stands between may keep it to itself; tmux and screen hand on what is wrapped for that.
    pub(crate) fn copy(&mut self, text: &str, through: Option<Multiplexer>) -> io::Result<()> {
        let mut bytes = Vec::new();
        queue!(bytes, CopyToClipboard::to_clipboard_from(text))?;
        if let Some(through) = through {
            bytes.extend(wrapped(&bytes, through));
        }
        self.screen.send(&bytes)
    }

    /// Gives the terminal to the shell until the shell resumes the program.
    pub(crate) fn suspend(&mut self) -> io::Result<()> {
        leave();
        signal_hook::low_level::emulate_default_handler(signal_hook::consts::SIGTSTP)?;
        self.resume()
    }

    /// Takes the terminal again after a stop, whoever stopped the program.
    pub(crate) fn resume(&mut self) -> io::Result<()> {
        // The shell has set the modes of its own; crossterm would think that raw mode is still on.
        terminal::disable_raw_mode()?;
        enter()?;
        self.forget();
        Ok(())
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        leave();
    }
}

/// A sequence as what stands between hands it on to its own terminal.
fn wrapped(sequence: &[u8], through: Multiplexer) -> Vec<u8> {
    let mut wrapped = Vec::new();
    match through {
        Multiplexer::Tmux => {
            wrapped.extend_from_slice(b"\x1bPtmux;");
            for byte in sequence {
                wrapped.extend((*byte == b'\x1b').then_some(b'\x1b'));
                wrapped.push(*byte);
            }
            wrapped.extend_from_slice(b"\x1b\\");
        }
        Multiplexer::Screen => {
            // The end of a string inside of one would end that too; a bell ends it as well.
            let sequence =
                sequence.strip_suffix(b"\x1b\\").map_or_else(|| sequence.to_vec(), |it| [it, b"\x07"].concat());
            for piece in sequence.chunks(LONGEST_STRING) {
                wrapped.extend([b"\x1bP", piece, b"\x1b\\"].concat());
            }
        }
    }
    wrapped
}

/// GNU screen drops the rest of a longer string.
const LONGEST_STRING: usize = 254;

/// Whether there is a terminal to read keys from and to draw on; `apart`: also where standard output leads elsewhere.
pub(crate) fn is_there(apart: bool, piped: bool) -> bool {
    // Where the scenario came through standard input, keys are read from the terminal by its name.
    let has_keys = io::stdin().is_terminal() || (piped && File::open(NAME).is_ok());
    has_keys && (io::stdout().is_terminal() || (apart && by_name().is_ok()))
}

/// The terminal of this process by its name.
const NAME: &str = "/dev/tty";

/// The terminal of this process, wherever its streams lead.
fn by_name() -> io::Result<File> {
    File::options().write(true).open(NAME)
}

/// Where frames go: standard output, without the line buffer that would cut them in pieces, or the terminal by its name.
fn output() -> io::Result<File> {
    if APART.load(Ordering::SeqCst) {
        return by_name();
    }
    Ok(File::from(io::stdout().as_fd().try_clone_to_owned()?))
}

fn enter() -> io::Result<()> {
    let mut out = output()?;
    ENTERED.store(true, Ordering::SeqCst);
    let entered = terminal::enable_raw_mode().and_then(|()| {
        let mut bytes = Vec::new();
        queue!(bytes, EnterAlternateScreen, EnableBracketedPaste, Hide)?;
        if WITH_MOUSE.load(Ordering::SeqCst) {
            bytes.extend_from_slice(MOUSE);
        }
        bytes.extend_from_slice(BLANK);
        out.write_all(&bytes)
    });
    if entered.is_err() {
        leave();
    }
    entered
}

/// Puts the terminal back as it was; every step is tried even where another fails.
pub(crate) fn leave() {
    if !ENTERED.swap(false, Ordering::SeqCst) {
        return;
    }
    // Raw mode first: of all, it does the most harm in a shell. There is nowhere to report a failure to.
    let _ = terminal::disable_raw_mode();
    if let Ok(mut out) = output() {
        if WITH_MOUSE.load(Ordering::SeqCst) {
            let _ = out.write_all(NO_MOUSE);
        }
        attempt(&mut out, EndSynchronizedUpdate);
        attempt(&mut out, ResetColor);
        attempt(&mut out, DisableBracketedPaste);
        attempt(&mut out, Show);
        attempt(&mut out, LeaveAlternateScreen);
    }
}

fn attempt(out: &mut File, command: impl Command) {
    let _ = execute!(out, command);
}

/// A panic leaves the terminal before it prints.
fn hook_panics() {
    static HOOKED: AtomicBool = AtomicBool::new(false);
    if HOOKED.swap(true, Ordering::SeqCst) {
        return;
    }
    let previous = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |panic| {
        leave();
        previous(panic);
    }));
}
