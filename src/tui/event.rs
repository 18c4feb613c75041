//! What happens outside: keys, pastes, sizes and signals, all through one channel.

use std::io;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread;

use crossterm::event::{self, Event as TerminalEvent, MouseButton, MouseEvent, MouseEventKind};
use signal_hook::consts::{SIGCONT, SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGTSTP, SIGWINCH};
use signal_hook::iterator::Signals;

use super::app::Done;
use super::keymap::Chord;

/// Something from outside.
#[derive(Debug)]
pub(crate) enum Event {
    /// A key was pressed.
    Key(Chord),
    /// A text was pasted.
    Paste(String),
    /// The mouse was clicked on a cell: column and row.
    Click((u16, u16)),
    /// The wheel was turned over a cell; whether up.
    Wheel((u16, u16), bool),
    /// The terminal has another size.
    Resize,
    /// The shell asks the program to stop.
    Stop,
    /// The program runs again.
    Continue,
    /// A signal asks the program to end.
    End(i32),
    /// Something without which the explorer cannot go on is no more, for this reason.
    Lost(String),
    /// The worker has done what it was asked for.
    Done(Done),
}

/// Starts to listen; each source has a thread of its own, and both end with the process. Others may send too.
pub(crate) fn listen() -> io::Result<(Sender<Event>, Receiver<Event>)> {
    let (sender, receiver) = channel();
    // Resizes too: the reader of keys would only notice those that come after its first look.
    let signals = Signals::new([SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGTSTP, SIGCONT, SIGWINCH])?;
    let (keys, others) = (sender.clone(), sender.clone());
    thread::Builder::new().name(String::from("signals")).spawn(move || forward_signals(signals, &sender))?;
    thread::Builder::new().name(String::from("keys")).spawn(move || forward_keys(&keys))?;
    Ok((others, receiver))
}

fn forward_signals(mut signals: Signals, sender: &Sender<Event>) {
    for signal in signals.forever() {
        let event = match signal {
            SIGTSTP => Event::Stop,
            SIGCONT => Event::Continue,
            SIGWINCH => Event::Resize,
            signal => Event::End(signal),
        };
        if sender.send(event).is_err() {
            return;
        }
    }
}

/// Tells of the end of a thread, however that comes: nobody should wait for what nobody does any more.
pub(super) struct LastWords<'a>(pub(super) &'a Sender<Event>, pub(super) &'static str);

impl Drop for LastWords<'_> {
    fn drop(&mut self) {
        // Where nobody listens the program has ended already.
        let _ = self.0.send(Event::Lost(String::from(self.1)));
    }
}

fn forward_keys(sender: &Sender<Event>) {
    let _last_words = LastWords(sender, "the terminal can no longer be read: its reader has stopped");
    loop {
        let event = match event::read() {
            Ok(TerminalEvent::Key(key)) => match Chord::of(key) {
                Some(chord) => Event::Key(chord),
                None => continue,
            },
            Ok(TerminalEvent::Mouse(mouse)) => match of_mouse(mouse) {
                Some(event) => event,
                None => continue,
            },
            Ok(TerminalEvent::Paste(text)) => Event::Paste(text),
            Ok(TerminalEvent::Resize(..)) => Event::Resize,
            Ok(_) => continue,
            Err(error) => Event::Lost(format!("the terminal can no longer be read: {error}")),
        };
        let lost = matches!(event, Event::Lost(_));
        if sender.send(event).is_err() || lost {
            return;
        }
    }
}

/// What of the mouse means something.
const fn of_mouse(mouse: MouseEvent) -> Option<Event> {
    let cell = (mouse.column, mouse.row);
    match mouse.kind {
        MouseEventKind::Down(MouseButton::Left) => Some(Event::Click(cell)),
        MouseEventKind::ScrollUp => Some(Event::Wheel(cell, true)),
        MouseEventKind::ScrollDown => Some(Event::Wheel(cell, false)),
        _ => None,
    }
}
